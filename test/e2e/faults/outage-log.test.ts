import { test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { expectToldOnce } from '../outages/told-once.ts';

test.skipIf(installedServer() === undefined)(
  'a short outage of Redis is told once by a worker when it begins and once when it is over, and once by sluice run',
  () => expectToldOnce('refused', { outageMs: 2000, jobs: 60, rate: '20/s' }),
  90_000,
);
