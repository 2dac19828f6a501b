import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import type { Outcomes } from '../results/outcomes.ts';
import type { PoolConfig } from '../settings.ts';
import { Deadlines } from './deadlines.ts';
import { Duty } from './duty.ts';
import { FailedJobs } from './failed-jobs.ts';
import { judgingOf } from './judging.ts';
import { Overlooked } from './overlooked.ts';
import type { Quarantine } from './quarantine.ts';
import { StalledJobs } from './stalled-jobs.ts';
import { Sweeper } from './sweeper.ts';

/** The sweeper of a worker, with all its chores. @param parts `now`: epoch ms of Redis' clock */
export function fleetSweeper(
  id: string,
  parts: {
    redis: Redis;
    keys: Keys;
    config: PoolConfig;
    now: () => number;
    outcomes: Outcomes;
    quarantine: Quarantine;
    log: Logger;
  },
): Sweeper {
  const { lockMs, prefix, stalledIntervalMs } = parts.config;
  const judging = judgingOf(lockMs);
  const chores = [
    new Deadlines(parts),
    new Overlooked(parts),
    new FailedJobs(parts),
    new StalledJobs({ ...parts, prefix, stalledIntervalMs, judging }),
  ];
  return new Sweeper(new Duty({ ...parts, id, judging }), chores, parts.log);
}
