import { SluiceError, faultsText } from '@sluice/shared';
import type { RawRedisOptions } from '../fleet-options.ts';

/** The options of `sluice worker`, as typed. */
export type RawWorkerOptions = Omit<RawRedisOptions, 'redisTimeout'> & {
  queues?: string;
  concurrency?: string;
  grace?: string;
  healthPort?: string;
  logLevel?: string;
};

/** Each option, and the variable that it stands for. */
const variableOf: Readonly<Record<keyof RawWorkerOptions, { variable: string; option: string }>> = {
  redis: { variable: 'SLUICE_REDIS_URL', option: '--redis' },
  prefix: { variable: 'SLUICE_PREFIX', option: '--prefix' },
  queues: { variable: 'SLUICE_QUEUES', option: '--queues' },
  concurrency: { variable: 'SLUICE_CONCURRENCY', option: '--concurrency' },
  grace: { variable: 'SLUICE_GRACE', option: '--grace' },
  healthPort: { variable: 'SLUICE_HEALTH_PORT', option: '--health-port' },
  logLevel: { variable: 'SLUICE_LOG_LEVEL', option: '--log-level' },
};

const given = (raw: RawWorkerOptions) =>
  Object.entries(variableOf).flatMap(([name, names]) => {
    const value = raw[name as keyof RawWorkerOptions];
    return value === undefined ? [] : [{ ...names, value }];
  });

/** The environment that a worker reads, with the options in it. Pure. */
export function workerVariables(
  raw: RawWorkerOptions,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return { ...env, ...Object.fromEntries(given(raw).map(({ variable, value }) => [variable, value])) };
}

/** The faults of these variables, with the names that were typed: `--queues`, not SLUICE_QUEUES. Pure. */
export function namedAsTyped(error: SluiceError, raw: RawWorkerOptions): SluiceError {
  if (error.faults.length === 0) return error;
  const options = new Map(given(raw).map(({ variable, option }) => [variable, option]));
  const faults = error.faults.map((fault) => {
    const option = options.get(fault.path);
    return option === undefined ? fault : { ...fault, path: option, parts: [option] };
  });
  const text = `the worker's settings have faults: ${faultsText(faults)}`;
  return new SluiceError(error.code, text, { faults, cause: error });
}
