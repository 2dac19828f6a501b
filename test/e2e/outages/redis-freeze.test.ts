import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { expectTold } from './fails-fast.ts';
import { lockMs, openShakyFleet } from './shaky-fleet.ts';
import { expectQuiet, expectRecovered } from './expectations.ts';
import { prepare, reportOf } from './steady-load.ts';

describe.skipIf(!installedServer())('a Redis that freezes', () => {
  test(
    'longer than a lock lasts costs nothing but time: no request is made again, no outcome lost',
    { timeout: 90_000 },
    async () => {
      await using fleet = await openShakyFleet();
      await prepare(fleet);
      const report = await reportOf(fleet, async () => {
        await fleet.redis.kill('SIGSTOP');
        await sleep(lockMs + 2000);
        await fleet.redis.kill('SIGCONT');
      });
      expectRecovered(report);
      expect(report.repeated).toEqual([]);
      expectQuiet(fleet);
    },
  );

  test('is reported to a client that would rather fail, while it lasts', { timeout: 60_000 }, async () => {
    await using fleet = await openShakyFleet({ workers: 1 });
    await prepare(fleet);
    const client = await expectTold(fleet, () => fleet.redis.kill('SIGSTOP'));
    await fleet.redis.kill('SIGCONT');
    const { ok } = await client.fetch(`${fleet.upstream.url}/item/1`);
    expect(ok).toBe(true);
    expectQuiet(fleet);
  });
});
