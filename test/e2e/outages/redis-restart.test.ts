import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { until } from '../fleet.ts';
import { openShakyFleet } from './shaky-fleet.ts';
import { expectQuiet, expectRecovered } from './expectations.ts';
import { prepare, reportOf } from './steady-load.ts';

const policy = { egress: { allow: ['127.0.0.0/8'] } };

describe.skipIf(!installedServer())('a Redis that is killed and comes back', () => {
  test('goes on where it was: no request is made again, no outcome lost', { timeout: 90_000 }, async () => {
    await using fleet = await openShakyFleet();
    await prepare(fleet);
    const report = await reportOf(fleet, () => fleet.redis.restart());
    expectRecovered(report);
    expect(report.repeated).toEqual([]);
    expectQuiet(fleet);
  });

  test(
    'empty has lost jobs and policies: callers are told, and workers go on with what comes',
    { timeout: 60_000 },
    async () => {
      await using fleet = await openShakyFleet({ redis: [] });
      const { client, redis, upstream } = fleet;
      await client.policies.set('api', { ...policy, concurrency: { global: 1 } });
      const running = await client.enqueue(`${upstream.url}/delay/3000`);
      const waiting = await client.enqueue(`${upstream.url}/item/1`);
      const fetched = client.fetch(`${upstream.url}/item/2`);
      const byOther = await fleet.connect();
      const watched = byOther.job(waiting.id).outcome();
      const lost = [waiting.outcome(), fetched, watched].map((call) =>
        expect(call).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' }),
      );
      await until(async () => (await upstream.arrivals()).length === 1);
      await redis.restart();
      await Promise.all(lost);
      // Its worker had it, and tells how it ended; or it is as lost as the others.
      const end = await running.outcome().then(
        ({ outcome }) => outcome.kind,
        (error: { code: string }) => error.code,
      );
      expect(['response', 'cancelled', 'SLUICE_RESULT_EXPIRED']).toContain(end);
      await client.policies.set('api', policy);
      expect((await client.fetch(`${upstream.url}/item/3`)).ok).toBe(true);
      expectQuiet(fleet);
    },
  );

  test('and loads its data for seconds makes callers wait', { timeout: 60_000 }, async () => {
    // As a large file would: 1 ms a key.
    await using fleet = await openShakyFleet({ redis: ['--save', '3600 1', '--key-load-delay', '1000'] });
    const { client, redis, upstream } = fleet;
    await client.policies.set('api', policy);
    const admin = new Redis(redis.url);
    for (let n = 0; n < 3000; n++) void admin.set(`filler-${n}`, 'x');
    await admin.save();
    admin.disconnect();
    const handle = await client.enqueue(`${upstream.url}/delay/1500`);
    await until(async () => (await upstream.arrivals()).length === 1);
    const sluggish = new Redis(redis.url);
    await sluggish.save();
    sluggish.disconnect();
    const restarted = redis.restart();
    expect((await client.fetch(`${upstream.url}/item/1`)).ok).toBe(true);
    await restarted;
    expect((await handle.result()).ok).toBe(true);
    expect((await upstream.arrivals()).filter(({ path }) => path.startsWith('/delay'))).toHaveLength(1);
    expectQuiet(fleet);
  });

  test(
    'and takes no writes because its disk is full makes callers wait, or fail',
    { timeout: 60_000 },
    async () => {
      await using fleet = await openShakyFleet({
        redis: ['--save', '3600 1000000', '--dbfilename', 'taken.rdb'],
      });
      const { client, redis, upstream } = fleet;
      await client.policies.set('api', policy);
      const impatient = await fleet.connect({ whenDown: 'fail' });
      const handle = await client.enqueue(`${upstream.url}/delay/2000`);
      await until(async () => (await upstream.arrivals()).length === 1);
      const admin = new Redis(redis.url);
      // A folder in the place of the file: what is saved cannot be renamed to it.
      mkdirSync(join(redis.dir, 'taken.rdb', 'full'), { recursive: true });
      await admin.bgsave();
      await until(async () => /rdb_last_bgsave_status:err/.test(await admin.info('persistence')));
      await expect(impatient.enqueue(upstream.url)).rejects.toMatchObject({
        code: 'SLUICE_REDIS_UNREACHABLE',
        message: expect.stringContaining('MISCONF') as string,
      });
      const waits = [
        client.fetch(`${upstream.url}/item/1`),
        client.enqueue({ url: `${upstream.url}/item/2`, id: 'x' }),
        handle.result(),
      ];
      let settled = 0;
      for (const call of waits)
        call.then(
          () => (settled += 1),
          () => (settled += 1),
        );
      await fleet.workers[0]!.line('Redis is unavailable for now');
      await until(async () => (await upstream.inFlight()) === 0);
      expect(settled).toBe(0);
      await admin.config('SET', 'stop-writes-on-bgsave-error', 'no');
      await Promise.all(waits);
      await client.job('x').result();
      expect((await upstream.arrivals()).map(({ path }) => path).sort()).toEqual([
        '/delay/2000',
        '/item/1',
        '/item/2',
      ]);
      admin.disconnect();
      expectQuiet(fleet);
    },
  );
});
