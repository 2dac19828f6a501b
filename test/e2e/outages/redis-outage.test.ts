import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Handle, Sluice } from '../../../packages/producer/src/index.ts';
import { installedServer } from '../../lab/own-redis.ts';
import { drained } from '../fleet.ts';
import { expectFailsFast } from './fails-fast.ts';
import { openShakyFleet } from './shaky-fleet.ts';
import { expectQuiet, expectRecovered } from './expectations.ts';
import { prepare, reportOf } from './steady-load.ts';

/** Six times as long as a lock lasts here. */
const outageMs = 30_000;

/** Calls of every kind, with what each comes to when Redis is back. */
function waitingCalls(client: Sluice, url: string, delayed: Handle): [Promise<unknown>, unknown][] {
  const ok = expect.objectContaining({ ok: true });
  const ended = async (handle: Promise<Handle>) => await (await handle).result();
  const named = { url: `${url}/item/named`, id: 'named' };
  return [
    [client.fetch(`${url}/item/fetched`), ok],
    [ended(client.enqueue(`${url}/item/enqueued`)), ok],
    [ended(client.enqueue(named)), ok],
    [ended(client.enqueue(named)), ok],
    [ended(client.enqueue({ url: `${url}/item/keyed`, idempotencyKey: 'k' })), ok],
    [drained(client.enqueueMany([`${url}/item/b1`, `${url}/item/b2`], { batch: 'b' })), 2],
    [drained(client.batch('b').results()), 2],
    [drained(client.stream([`${url}/item/s1`, `${url}/item/s2`])), 2],
    [client.job(delayed.id).status(), expect.stringMatching(/^(delayed|failed|completed)$/)],
    [delayed.cancel(), 'cancelled'],
    [client.policies.read('api'), expect.objectContaining({ maxRedirects: 5 })],
    [client.policies.set('api-2', {}), 'created'],
    [client.queues.show('api'), expect.objectContaining({ name: 'api' })],
    [client.dead.list('api'), expect.objectContaining({ cursor: null })],
    [client.queues.stats('api'), expect.objectContaining({ rejected: 0 })],
    [client.semaphore('s', 1).run(() => 'inside'), 'inside'],
  ];
}

describe.skipIf(!installedServer())('a Redis that is away', () => {
  test(
    'for 30 s costs nothing but time: requests under way go on, finished ones are reported, calls wait and work',
    { timeout: 150_000 },
    async () => {
      await using fleet = await openShakyFleet();
      await prepare(fleet);
      const { client, redis, upstream } = fleet;
      const delayed = await client.enqueue({ url: `${upstream.url}/item/delayed`, delayMs: 600_000 });
      // One is answered while Redis is away, the other when it is back.
      const paths = ['/delay/20000', '/delay/40000'];
      const long = await Promise.all(
        paths.map((path) => client.enqueue({ url: `${upstream.url}${path}`, timeoutMs: 60_000 })),
      );
      let calls: [Promise<unknown>, unknown][] = [];
      let settledEarly = 0;
      const report = await reportOf(fleet, async () => {
        await redis.kill();
        calls = waitingCalls(client, upstream.url, delayed);
        const early = () => (settledEarly += 1);
        for (const [call] of calls) call.then(early, early);
        await sleep(outageMs);
        expect(settledEarly).toBe(0);
        await redis.restart();
      });
      expectRecovered(report);
      expect(report.repeated).toEqual([]);
      for (const handle of long)
        expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
      for (const [call, expected] of calls) expect(await call).toEqual(expected);
      expectQuiet(fleet);
    },
  );

  test('is reported to a client that would rather fail, while it is away', { timeout: 60_000 }, async () => {
    await using fleet = await openShakyFleet({ workers: 1 });
    await prepare(fleet);
    const { redis, upstream } = fleet;
    const client = await fleet.connect({ whenDown: 'fail' });
    const handle = await client.enqueue(`${upstream.url}/delay/4000`);
    const pending = handle.result();
    await redis.kill();
    await expect(pending).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
    await expectFailsFast(client, handle, upstream.url);
    await expect(fleet.connect({ whenDown: 'fail' })).rejects.toMatchObject({
      code: 'SLUICE_REDIS_UNREACHABLE',
    });
    await redis.restart();
    // The job went on meanwhile, and the same handle tells how it ended.
    const patient = await fleet.connect();
    expect((await patient.job(handle.id).result()).ok).toBe(true);
    expect((await handle.result()).ok).toBe(true);
    expect(await upstream.arrivals()).toHaveLength(1);
    expectQuiet(fleet);
  });

  test('lets a client close, and nothing that was called hangs', { timeout: 60_000 }, async () => {
    await using fleet = await openShakyFleet({ workers: 0 });
    const { client, redis, upstream } = fleet;
    await prepare(fleet);
    const handle = await client.enqueue(upstream.url);
    const sent = [client.enqueue(upstream.url), client.policies.read('api'), handle.result()];
    await redis.kill();
    const queued = [
      client.enqueue(upstream.url),
      client.enqueue({ url: upstream.url, id: 'x' }),
      client.queues.stats('api'),
    ];
    const batch = drained(client.enqueueMany([upstream.url], { batch: 'b' }));
    const all = Promise.allSettled([...sent, ...queued, batch]);
    await client.close();
    for (const result of await all) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'SLUICE_CLOSED' });
    }
  });
});
