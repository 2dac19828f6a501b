import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { expectTold } from './fails-fast.ts';
import { openShakyFleet } from './shaky-fleet.ts';
import { expectQuiet, expectRecovered } from './expectations.ts';
import { prepare, reportOf } from './steady-load.ts';

/** A pending command without an answer for so long tells a client that its connection is dead. */
const socketTimeoutMs = 15_000;

describe.skipIf(!installedServer())('a connection that is cut silently', () => {
  test(
    'is noticed; everything works again once it is mended, and no finished request was made again',
    { timeout: 120_000 },
    async () => {
      await using fleet = await openShakyFleet();
      await prepare(fleet);
      const report = await reportOf(fleet, async () => {
        fleet.proxy.partition();
        await sleep(socketTimeoutMs + 3000);
        fleet.proxy.heal();
      });
      expectRecovered(report);
      expect(report.repeated).toEqual([]);
      expectQuiet(fleet);
    },
  );

  test('is reported to a client that would rather fail, while it lasts', { timeout: 60_000 }, async () => {
    await using fleet = await openShakyFleet({ workers: 1 });
    await prepare(fleet);
    await expectTold(fleet, () => fleet.proxy.partition());
    fleet.proxy.heal();
    await using later = await fleet.connect({ whenDown: 'fail' });
    expect(await later.queues.list()).toContain('api');
    expectQuiet(fleet);
  });
});
