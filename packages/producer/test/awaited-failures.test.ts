import { afterAll, beforeAll, expect, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ policy: { retry: { attempts: 1 } } });
});
afterAll(async () => await rig[Symbol.asyncDispose]());

const dead = async () => (await rig.sluice.dead.list(rig.queue)).letters.map(({ id }) => id).sort();

test('a failed job whose error a call received is no dead letter; others are', async () => {
  const { sluice } = rig;
  const url = (n: number) => rig.url(`/status/50${n}`);
  await expect(sluice.fetch(url(0))).rejects.toMatchObject({ code: 'SLUICE_HTTP_ERROR' });
  const settled = await sluice.gather([url(2), url(3)], { settled: true });
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  // Whoever enqueues may be another process than the one that awaits.
  const job = await sluice.enqueue(url(4));
  await expect(job.result()).rejects.toMatchObject({ code: 'SLUICE_HTTP_ERROR' });
  // Others may ask for one with an id.
  await expect(sluice.fetch(`${url(0)}?id`, { id: 'named' })).rejects.toMatchObject({ id: 'named' });
  await until(async () => (await dead()).length === 2);
  expect(await dead()).toEqual([job.id, 'named'].sort());
});

test('of a gather that throws, the failure that was thrown is removed', async () => {
  await using own = await Rig.open({ policy: { retry: { attempts: 1 } } });
  const specs = [0, 2, 3].map((n) => own.url(`/status/50${n}`));
  await expect(own.sluice.gather(specs)).rejects.toMatchObject({ code: 'SLUICE_HTTP_ERROR' });
  await until(
    async () => (await own.bull.getFailedCount()) === 2 && (await own.upstream.arrivals()).length === 3,
  );
});

test('a caller that has gone leaves the failed job', async () => {
  await using own = await Rig.open({ idle: true, policy: { retry: { attempts: 1 } } });
  const gone = new AbortController();
  const fetch = own.sluice.fetch(own.url('/status/500'), { signal: gone.signal, cancel: false });
  await until(async () => (await own.sluice.queues.jobs(own.queue, 'waiting', 1)).length === 1);
  gone.abort();
  await expect(fetch).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
  await own.startPool();
  await until(async () => (await own.bull.getFailedCount()) === 1);
  // Its reply is trimmed, and the job stays.
  await until(async () => {
    const streams = await own.redis.keys(`${own.keys.replies('')}*`);
    const lengths = await Promise.all(streams.map((stream) => own.redis.xlen(stream)));
    return lengths.every((length) => length === 0);
  });
  expect(await own.bull.getFailedCount()).toBe(1);
});

test('`keepFailed: { awaited: true }` keeps them', async () => {
  await using own = await Rig.open({ policy: { retry: { attempts: 1 }, keepFailed: { awaited: true } } });
  await expect(own.sluice.fetch(own.url('/status/500'))).rejects.toMatchObject({ code: 'SLUICE_HTTP_ERROR' });
  await own.sluice.close();
  expect(await own.bull.getFailedCount()).toBe(1);
});
