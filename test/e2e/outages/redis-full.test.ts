import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { connect } from '../../../packages/producer/src/index.ts';
import { installedServer, startOwnRedis } from '../../lab/own-redis.ts';
import { startProgram } from '../../lab/processes.ts';
import { until } from '../fleet.ts';
import { openShakyFleet } from './shaky-fleet.ts';
import { expectQuiet } from './expectations.ts';

const mib = 2 ** 20;
const maxBytes = 48 * mib;
const full = ['--maxmemory', String(maxBytes), '--maxmemory-policy', 'noeviction'];
const policy = { egress: { allow: ['127.0.0.0/8'] } };

const usedBytes = async (redis: Redis) => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1]);

describe.skipIf(!installedServer())('a Redis with little memory', () => {
  test(
    'takes no new jobs before it is full, finishes those that it has, and takes new ones again',
    { timeout: 90_000 },
    async () => {
      await using fleet = await openShakyFleet({ redis: full });
      const { client, redis, upstream } = fleet;
      await client.policies.set('api', policy);
      await client.queues.pause('api');
      const admin = new Redis(redis.url);
      // As fast as it goes, from several clients: each looks at the memory for itself.
      const clients = [client, await fleet.connect(), await fleet.connect()];
      const accepted: string[] = [];
      // Those that name themselves, or are in a batch, are added in another way.
      const names = [
        () => ({}),
        (n: number) => ({ id: `id-${n}` }),
        (n: number) => ({ idempotencyKey: `key-${n}` }),
      ];
      const refusals = names.map((): unknown[] => []);
      const fill = async (one: typeof client, from: number) => {
        for (let n = from; refusals.some((list) => list.length < 10); n += 4 * clients.length + 1) {
          const kind = n % names.length;
          const spec = { url: `${upstream.url}/item/${n}`, method: 'POST', body: 'x'.repeat(4000) } as const;
          await one.enqueue({ ...spec, ...names[kind]!(n) }).then(
            ({ id }) => accepted.push(id),
            (error: unknown) => refusals[kind]!.push(error),
          );
        }
      };
      await Promise.all(clients.flatMap((one, n) => [fill(one, 4 * n), fill(one, 4 * n + 1_000_000)]));
      for (const error of refusals.flat()) expect(error).toMatchObject({ code: 'SLUICE_REDIS_FULL' });
      const used = await usedBytes(admin);
      expect(used).toBeLessThan(0.95 * maxBytes);
      await client.queues.resume('api');
      await until(async () => (await upstream.arrivals()).length >= accepted.length);
      await until(async () => (await client.queues.show('api')).counts.active === 0);
      const { counts } = await client.queues.show('api');
      expect(counts).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
      expect(await upstream.arrivals()).toHaveLength(accepted.length);
      // Its memory has room again: nothing need be restarted.
      await until(
        async () =>
          await client.enqueue(`${upstream.url}/last`).then(
            () => true,
            () => false,
          ),
      );
      admin.disconnect();
      expectQuiet(fleet);
    },
  );

  test(
    'and completely full finishes what its workers have taken, and goes on when there is room',
    { timeout: 90_000 },
    async () => {
      await using fleet = await openShakyFleet({ redis: full, client: { whenDown: 'wait' } });
      const { client, redis, upstream } = fleet;
      await client.policies.set('api', { ...policy, concurrency: { global: 20 } });
      const handles = await Promise.all(
        Array.from({ length: 60 }, (_, n) => client.enqueue(`${upstream.url}/delay/2000?n=${n}`)),
      );
      await until(async () => (await upstream.inFlight()) === 20);
      const admin = new Redis(redis.url);
      await admin.config('SET', 'maxmemory', String(Math.floor((await usedBytes(admin)) * 0.9)));
      // What was under way ends, with its outcome.
      await until(
        async () =>
          (await Promise.all(handles.map((one) => one.status()))).filter((s) => s === 'completed').length >=
          20,
      );
      await expect(client.enqueue({ url: upstream.url, id: 'mine' })).rejects.toMatchObject({
        code: 'SLUICE_REDIS_FULL',
      });
      await expect(async () => {
        for await (const _ of client.enqueueMany([upstream.url], { batch: 'b' }));
      }).rejects.toMatchObject({ code: 'SLUICE_REDIS_FULL' });
      await admin.config('SET', 'maxmemory', '0');
      for (const handle of handles) expect((await handle.outcome()).outcome.kind).toBe('response');
      const paths = (await upstream.arrivals()).map(({ path }) => path);
      expect(new Set(paths).size).toBe(60);
      expect(paths).toHaveLength(60);
      admin.disconnect();
      expectQuiet(fleet);
    },
  );

  test('that may evict keys is not accepted, by worker or library', { timeout: 30_000 }, async () => {
    await using redis = await startOwnRedis([
      '--maxmemory',
      String(maxBytes),
      '--maxmemory-policy',
      'allkeys-lru',
    ]);
    await expect(connect({ redis: redis.url })).rejects.toMatchObject({ code: 'SLUICE_REDIS_EVICTS' });
    const env = { SLUICE_REDIS_URL: redis.url, SLUICE_HEALTH_PORT: '0' };
    await using worker = startProgram('packages/worker/src/main.ts', [], { env });
    expect(await worker.exit()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SLUICE_REDIS_EVICTS') as string,
    });
  });
});
