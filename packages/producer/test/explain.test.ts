import { afterAll, beforeAll, expect, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ policy: { retry: { base: 60_000, jitter: 0, attempts: 4 } } });
});
afterAll(async () => await rig[Symbol.asyncDispose]());

const explain = (id: string, queue = rig.queue) => rig.sluice.job(id, { queue }).explain();

/** A queue that nobody serves: workers look for queues with a policy only, so it is paused before it has a job. */
async function queueOf(name: string, policy: Parameters<typeof rig.sluice.policies.set>[1]): Promise<void> {
  await rig.sluice.policies.set(name, policy);
  await rig.sluice.queues.pause(name);
}

test('a job that nobody knows, and one whose queue has no policy', async () => {
  expect(await explain('nobody')).toMatchObject({ status: 'unknown', why: 'unknown', request: null });
  await queueOf('nowhere', {});
  await rig.sluice.enqueue({ url: 'http://a.test/', id: 'lost' }, { queue: 'nowhere' });
  // As when a queue is removed while somebody enqueues.
  await rig.redis.del(rig.keys.policy('nowhere'), rig.keys.bull('nowhere').meta);
  expect(await explain('lost', 'nowhere')).toMatchObject({
    status: 'waiting',
    why: 'no-policy',
    ahead: 0,
    earliestStart: null,
    request: { method: 'GET', url: 'http://a.test/' },
  });
});

test('the place in line, in the order in which jobs are taken, and a start by the rate', async () => {
  await using idle = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
  for (const [id, priority] of [
    ['late', 2],
    ['later', 3],
    ['first', undefined],
    ['second', undefined],
  ] as const) {
    await idle.sluice.enqueue({ url: 'http://a.test/', id, ...(priority !== undefined && { priority }) });
  }
  const look = (id: string) => idle.sluice.job(id).explain();
  expect(await look('first')).toMatchObject({ status: 'waiting', why: 'worker', ahead: 0 });
  const hour = 3_600_000;
  for (const [id, ahead] of [
    ['second', 1],
    ['late', 2],
    ['later', 3],
  ] as const) {
    const { at, earliestStart, ...told } = await look(id);
    expect(told).toMatchObject({ status: 'waiting', why: 'rate', ahead });
    expect((earliestStart! - at) / hour).toBeCloseTo(ahead, 1);
  }

  await idle.sluice.queues.pause('q');
  expect(await look('first')).toMatchObject({ why: 'paused', earliestStart: null });
  await idle.sluice.queues.resume('q');

  await idle.redis.zadd(idle.keys.holds('q'), Date.now() + hour, 'http://a.test');
  const held = await look('first');
  expect(held).toMatchObject({ why: 'held', earliestStart: held.until });
  expect((held.until! - held.at) / hour).toBeCloseTo(1, 1);
  await idle.redis.zadd(idle.keys.holds('q'), Date.now() + hour, 'http://b.test');
  await idle.redis.zrem(idle.keys.holds('q'), 'http://a.test');
  expect(await look('first')).toMatchObject({ why: 'worker' });

  // As a worker leaves it when the permits reach far ahead.
  await idle.redis.set(idle.keys.bull('q').limiter, '9007199254740991', 'PX', hour);
  const shut = await look('first');
  expect(shut).toMatchObject({ status: 'waiting', why: 'rate', ahead: 0 });
  expect((shut.until! - shut.at) / hour).toBeCloseTo(1, 1);
});

test('what idle time has saved may leave at once, and counts for the start', async () => {
  await using idle = await Rig.open({ idle: true, policy: { rate: { limit: 4, per: '1h', burst: 3 } } });
  for (let n = 0; n < 5; n++) await idle.sluice.enqueue({ url: 'http://a.test/', id: `n${n}` });
  const startOf = async (id: string) => {
    const { why, at, earliestStart } = await idle.sluice.job(id).explain();
    return [why, Math.round((4 * (earliestStart! - at)) / 3_600_000)];
  };
  expect(await startOf('n0')).toEqual(['worker', 0]);
  expect(await startOf('n2')).toEqual(['behind', 0]);
  expect(await startOf('n3')).toEqual(['rate', 1]);
  expect(await startOf('n4')).toEqual(['rate', 2]);
});

test('a place beyond the ten-thousandth is not told, and costs Redis no more', async () => {
  await using idle = await Rig.open({ idle: true });
  const { wait } = idle.keys.bull('q');
  await idle.sluice.enqueue({ url: 'http://a.test/', id: 'last' });
  const others = Array.from({ length: 10_500 }, (_, n) => `other-${n}`);
  await idle.redis.rpush(wait, ...others);
  expect(await idle.sluice.job('last').explain()).toMatchObject({
    status: 'waiting',
    ahead: null,
    earliestStart: null,
  });
  await idle.redis.rpop(wait, 600);
  expect(await idle.sluice.job('last').explain()).toMatchObject({ why: 'behind', ahead: 9900 });
  await idle.redis.del(wait);
});

test('a later time, and a fleet that runs as many as it may', async () => {
  await queueOf('later', {});
  await rig.sluice.enqueue({ url: 'http://a.test/', id: 'later', delayMs: 3_600_000 }, { queue: 'later' });
  const later = await explain('later', 'later');
  expect(later).toMatchObject({ status: 'delayed', why: 'scheduled', earliestStart: null });
  expect(later.until).toBe(later.enqueuedAt! + 3_600_000);

  await using idle = await Rig.open({ idle: true, policy: { concurrency: { global: 1 } } });
  await idle.sluice.enqueue({ url: 'http://a.test/', id: 'one' });
  await idle.redis.lpush(idle.keys.bull('q').active, 'busy');
  expect(await idle.sluice.job('one').explain()).toMatchObject({ why: 'concurrency' });
  await idle.redis.del(idle.keys.bull('q').active);
});

test('running, then the backoff after an attempt of so many, with what it ended with', async () => {
  await rig.sluice.enqueue({ url: rig.url('/delay/600000'), id: 'slow', deadline: Date.now() + 900_000 });
  await until(async () => (await explain('slow')).status === 'active');
  const running = await explain('slow');
  expect(running).toMatchObject({ why: 'running', attempts: { made: 0, most: 4 } });
  expect(running.startedAt).toBeGreaterThanOrEqual(running.enqueuedAt!);
  expect(running.deadline).toBeGreaterThan(running.at);
  const [worker] = await rig.sluice.workers();
  expect(running.worker).toBe(worker!.id);
  expect(running.runningMs).toBe(Math.max(0, running.at - running.startedAt!));
  await until(async () => (await explain('slow')).runningMs! > running.runningMs!);
  await rig.sluice.job('slow').cancel();

  await rig.sluice.enqueue({ url: rig.url('/status/500'), id: 'fails' });
  await until(async () => (await explain('fails')).status === 'delayed');
  const waiting = await explain('fails');
  expect(waiting).toMatchObject({
    why: 'backoff',
    attempts: { made: 1, most: 4 },
    lastError: expect.stringMatching(/500/) as string,
    earliestStart: waiting.until,
    outcome: null,
    worker: null,
    runningMs: null,
  });
  expect(waiting.until).toBeGreaterThan(waiting.startedAt!);
});

test('put off because its origin is held', async () => {
  const url = rig.url('/status/429?retryAfter=600&times=1&case=explain');
  await rig.sluice.enqueue({ url, id: 'asked-to-wait' });
  await until(async () => (await explain('asked-to-wait')).status === 'delayed');
  expect(await explain('asked-to-wait')).toMatchObject({ why: 'held', attempts: { made: 1 } });
  await rig.sluice.queues.release(rig.queue);
});

test('ended: with its status, or with its failure', async () => {
  const done = await rig.sluice.enqueue(rig.url('/status/404'));
  await done.outcome();
  expect(await done.explain()).toMatchObject({
    status: 'completed',
    why: 'ended',
    outcome: { kind: 'response', status: 404, error: null },
  });
  const blocked = await rig.sluice.enqueue(rig.url('/redirect-to?url=http://10.0.0.1/'));
  await blocked.outcome();
  await until(async () => (await blocked.explain()).status === 'failed');
  expect(await blocked.explain()).toMatchObject({
    status: 'failed',
    why: 'ended',
    outcome: { kind: 'blocked', error: { code: 'SLUICE_BLOCKED' } },
  });
  // Its outcome has expired, the dead letter is still there.
  await rig.redis.del(rig.keys.outcome(rig.queue, blocked.id));
  await until(async () => (await rig.bull.getJobState(blocked.id)) === 'failed');
  expect(await blocked.explain()).toMatchObject({
    status: 'failed',
    outcome: { kind: 'unknown', error: { code: 'SLUICE_BLOCKED' } },
  });
});

// Again where the machine stood still: an estimate that is wrong is so each time.
test(
  'the start that is estimated in a steady backlog is within 20 % of what happens',
  { retry: 2 },
  async () => {
    await using busy = await Rig.open({ policy: { rate: { limit: 20, per: '1s', burst: 1 } } });
    const specs = Array.from({ length: 110 }, (_, n) => ({ url: busy.url(`/n${n}`), id: `n${n}` }));
    for await (const _ of busy.sluice.enqueueMany(specs));
    await busy.arrived(10);
    const { at, ahead, earliestStart, why } = await busy.sluice.job('n100').explain();
    expect(why).toBe('rate');
    expect(ahead).toBeGreaterThan(50);
    await busy.sluice.job('n100').outcome();
    const arrival = (await busy.upstream.arrivals()).find(({ path }) => path === '/n100')!;
    const took = arrival.epoch - at;
    expect(Math.abs(earliestStart! - at - took) / took).toBeLessThan(0.2);
  },
);
