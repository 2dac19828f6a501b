/** The settings of a run's workers. */
export type WorkerSettings = {
  /** What it inherits, without the SLUICE_ variables. */
  env: Readonly<Record<string, string | undefined>>;
  redis: string;
  prefix: string;
  queue: string;
  /** Requests in flight in one worker. */
  concurrency: number;
  /** The Redis is this run's own, and ends with it. */
  privateRedis: boolean;
};

/**
 * The jobs of a worker that died come back when its locks expire. Locks must outlast outages, but a private Redis has
 * none, so they can be short.
 */
const privateLock = '15s';

/**
 * The environment of a run's worker: ours without the SLUICE_ variables. They are meant for other processes, and a
 * worker does not start with one it does not know. (Test runs mark their processes with SLUICE_TEST_ variables.) Pure.
 */
export function workerEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  settings: Omit<WorkerSettings, 'env'>,
): Record<string, string | undefined> {
  const own = Object.entries(env).filter(([name]) => !/^SLUICE_(?!TEST_)/.test(name));
  return {
    ...Object.fromEntries(own),
    SLUICE_REDIS_URL: settings.redis,
    SLUICE_PREFIX: settings.prefix,
    SLUICE_QUEUES: settings.queue,
    SLUICE_CONCURRENCY: String(settings.concurrency),
    SLUICE_HEALTH_PORT: '0',
    SLUICE_LOG_LEVEL: 'warn',
    ...(settings.privateRedis && { SLUICE_LOCK_DURATION: privateLock }),
  };
}

/** Node's own flags for a worker: ours (they may say where sources are), without a debugger's port. Pure. */
export function workerFlags(execArgv: readonly string[]): string[] {
  return execArgv.filter((flag) => !flag.startsWith('--inspect'));
}
