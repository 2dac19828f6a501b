import type { RawRedisOptions } from '../fleet-options.ts';
import type { OptionNames } from '../variables.ts';

/** The options of `sluice worker`, as typed. */
export type RawWorkerOptions = Omit<RawRedisOptions, 'redisTimeout'> & {
  queues?: string;
  concurrency?: string;
  grace?: string;
  healthPort?: string;
  logLevel?: string;
};

/** Each option, and the variable that it stands for. */
export const workerOptionNames: OptionNames<RawWorkerOptions> = {
  redis: { variable: 'SLUICE_REDIS_URL', option: '--redis' },
  prefix: { variable: 'SLUICE_PREFIX', option: '--prefix' },
  queues: { variable: 'SLUICE_QUEUES', option: '--queues' },
  concurrency: { variable: 'SLUICE_CONCURRENCY', option: '--concurrency' },
  grace: { variable: 'SLUICE_GRACE', option: '--grace' },
  healthPort: { variable: 'SLUICE_HEALTH_PORT', option: '--health-port' },
  logLevel: { variable: 'SLUICE_LOG_LEVEL', option: '--log-level' },
};
