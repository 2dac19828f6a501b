import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { Rig } from '../../worker/test/rig.ts';
import { type JobSpec, type Sluice, SluiceError, connect } from '../src/index.ts';
import { roomInMs } from '../src/enqueue/backlog.ts';

let rig: Rig;
let other: Sluice;
beforeEach(async () => {
  rig = await Rig.open({ idle: true, policy: { rate: '10/1s', maxBacklog: 20 } });
  other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
});
afterEach(async () => {
  await other.close();
  await rig[Symbol.asyncDispose]();
});

const url = 'http://a.test/';
const isFull = (error: unknown) => error instanceof SluiceError && error.code === 'SLUICE_BACKLOG_FULL';
const specs = (from: number, count: number, more: Partial<JobSpec> = {}) =>
  Array.from({ length: count }, (_, n) => ({ url, id: `j${from + n}`, ...more }));

async function waiting(): Promise<number> {
  const { waiting, delayed } = (await rig.sluice.queues.show(rig.queue)).counts;
  return waiting + delayed;
}

test('of many enqueues at once, however they add, exactly as many are accepted as may wait', async () => {
  const inBatch = async (client: Sluice, list: JobSpec[]) => {
    for await (const one of client.enqueueMany(list, { batch: 'b', seal: false, settled: true }))
      if (one.error !== undefined) throw one.error;
  };
  const adds = [rig.sluice, other].flatMap((client, nth) => [
    ...Array.from({ length: 10 }, () => client.enqueue(url)),
    ...Array.from({ length: 10 }, () => client.enqueue({ url, delay: '1h' })),
    ...Array.from({ length: 10 }, () => client.enqueue({ url, priority: 3 })),
    ...specs(100 * nth, 10).map((spec) => client.enqueue(spec)),
    ...specs(100 * nth + 50, 10).map((spec) => inBatch(client, [spec])),
  ]);
  const ends = await Promise.allSettled(adds);
  const refused = ends.filter((end) => end.status === 'rejected');
  expect(refused).toHaveLength(80);
  expect(refused.every(({ reason }) => isFull(reason))).toBe(true);
  expect(await waiting()).toBe(20);
  // What was refused has left nothing: no job of a batch that never ends, no hash that is taken for a job.
  const batched = ends.filter((end, index) => end.status === 'fulfilled' && index % 50 >= 40).length;
  expect((await rig.sluice.batch('b').progress()).total).toBe(batched);
  const jobs = (await rig.redis.keys(`${rig.prefix}:q:*`)).map((key) => key.slice(`${rig.prefix}:q:`.length));
  const own = ['meta', 'id', 'events', 'marker', 'wait', 'delayed', 'prioritized', 'pc', 'limiter'];
  expect(jobs.filter((name) => !own.includes(name))).toHaveLength(20);
});

test('a job that is there already is not one more, and what was refused is accepted when there is room', async () => {
  for (const spec of specs(0, 20)) await rig.sluice.enqueue(spec);
  expect((await other.enqueue(specs(7, 1)[0]!)).existed).toBe(true);
  await expect(other.enqueue({ url, id: 'late' })).rejects.toMatchObject({
    code: 'SLUICE_BACKLOG_FULL',
    message: expect.stringMatching(
      /^job spec: queue "q" has 20 jobs that wait, and takes no more above 20/,
    ) as unknown,
    // Two of twenty at 10/s.
    retryAfterMs: 1000,
  });
  await rig.sluice.job('j3').cancel();
  const { existed } = await other.enqueue({ url, id: 'late' });
  expect(existed).toBe(false);
  await expect(other.enqueue({ url, id: 'later' })).rejects.toSatisfy(isFull);
  await rig.sluice.policies.update(rig.queue, (before) => ({ ...before!, maxBacklog: null }));
  await other.enqueue({ url, id: 'later' });
  expect(await waiting()).toBe(21);
  // An older version is not kept from a policy that does not use the field.
  expect(await rig.redis.hget(rig.keys.policy(rig.queue), 'json')).not.toContain('maxBacklog');
});

test('says when there is room for a tenth, from the backlog and the rate', () => {
  expect(roomInMs(100, 100, 1_000_000)).toBe(10_000);
  expect(roomInMs(150, 100, 1_000_000)).toBe(60_000);
  expect(roomInMs(1, 1, 500_000)).toBe(1000);
  expect(roomInMs(1_000_000, 1_000_000, 1_000_000)).toBe(3_600_000);
  // No rate.
  expect(roomInMs(100, 100, 0)).toBe(1000);
});
