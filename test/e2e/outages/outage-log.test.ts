import { describe, test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { expectToldOnce } from './told-once.ts';

describe.skipIf(installedServer() === undefined)('an outage of Redis of 20 s', () => {
  test.concurrent.each(['refused', 'silent'] as const)(
    'that is %s is logged by a worker once when it begins and once when it is over, and reported once by sluice run',
    (way) => expectToldOnce(way, { outageMs: 20_000, jobs: 200, rate: '20/s' }),
    150_000,
  );
});
