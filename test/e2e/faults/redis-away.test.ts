import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Handle } from '../../../packages/producer/src/index.ts';
import { installedServer } from '../../lab/own-redis.ts';
import { until } from '../fleet.ts';
import { type ShakyFleet, openShakyFleet } from '../outages/shaky-fleet.ts';
import { expectQuiet } from '../outages/expectations.ts';

/** Long enough that workers, clients and jobs meet it. */
const awayMs = 700;

// The long ones, and failovers, are in outages.
describe.skipIf(installedServer() === undefined)('a Redis that is away for a moment', () => {
  let fleet: ShakyFleet;
  beforeAll(async () => {
    fleet = await openShakyFleet();
    // So that there are always some under way, and some that wait.
    await fleet.upstream.set({ latencyMs: 100 });
    await fleet.client.policies.set('api', {
      concurrency: { global: 10 },
      egress: { allow: ['127.0.0.0/8'] },
    });
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  test.each<[how: string, fault: (fleet: ShakyFleet) => Promise<void>]>([
    ['it is killed, and comes back with its data', ({ redis }) => redis.restart()],
    [
      'it is frozen',
      async ({ redis }) => {
        await redis.kill('SIGSTOP');
        await sleep(awayMs);
        await redis.kill('SIGCONT');
      },
    ],
    [
      'connections are cut and refused',
      async ({ proxy }) => {
        proxy.refuse();
        proxy.cut();
        await sleep(awayMs);
        proxy.heal();
      },
    ],
    [
      'data takes long to arrive',
      async ({ proxy }) => {
        proxy.stall();
        await sleep(awayMs);
        proxy.heal();
      },
    ],
  ])('loses no job and repeats none: %s', async (_how, fault) => {
    const { client, upstream } = fleet;
    await upstream.reset();
    const enqueue = (name: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => client.enqueue(`${upstream.url}/${name}/${n}`)));
    const before = await enqueue('before', 60);
    await until(async () => (await upstream.arrivals()).length > 15);
    const faulting = fault(fleet);
    const during = enqueue('during', 20);
    await faulting;
    const handles: Handle[] = [...before, ...(await during), ...(await enqueue('after', 5))];
    for (const handle of handles) {
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    const paths = (await upstream.arrivals()).map(({ path }) => path);
    expect(paths).toHaveLength(handles.length);
    expect(new Set(paths).size).toBe(handles.length);
    expectQuiet(fleet);
  });

  test('takes no new jobs while it is full, and finishes those that it has', async () => {
    const { client, redis, upstream } = fleet;
    await upstream.reset();
    const admin = new Redis(redis.url);
    try {
      const handles = await Promise.all(
        Array.from({ length: 30 }, (_, n) => client.enqueue(`${upstream.url}/full/${n}`)),
      );
      await until(async () => (await upstream.arrivals()).length > 0);
      await admin.config('SET', 'maxmemory', '1mb');
      await until(async () => (await upstream.inFlight()) === 0);
      await expect(client.enqueue({ url: upstream.url, id: 'one-more' })).rejects.toMatchObject({
        code: 'SLUICE_REDIS_FULL',
      });
      await admin.config('SET', 'maxmemory', '0');
      for (const handle of handles) expect((await handle.outcome()).outcome.kind).toBe('response');
      const paths = (await upstream.arrivals()).map(({ path }) => path);
      expect(new Set(paths).size).toBe(paths.length);
    } finally {
      admin.disconnect();
    }
  });
});
