import { test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { expectToldOnce } from '../outages/told-once.ts';

test.skipIf(installedServer() === undefined)(
  'a worker logs a short outage of Redis once when it begins and once when it is over, and sluice run reports it once',
  () => expectToldOnce('refused', { outageMs: 2000, jobs: 60, rate: '20/s' }),
  90_000,
);
