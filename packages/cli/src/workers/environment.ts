/** What a worker of a run is told. */
export type WorkerSettings = {
  redis: string;
  prefix: string;
  queue: string;
  /** Requests in flight in one worker. */
  concurrency: number;
};

/**
 * The environment of a run's worker. Ours without its SLUICE_ variables: they are meant for other processes, and a
 * worker refuses those it does not know. Pure.
 */
export function workerEnvironment(
  env: Record<string, string | undefined>,
  settings: WorkerSettings,
): Record<string, string | undefined> {
  const own = Object.entries(env).filter(([name]) => !name.startsWith('SLUICE_'));
  return {
    ...Object.fromEntries(own),
    SLUICE_REDIS_URL: settings.redis,
    SLUICE_PREFIX: settings.prefix,
    SLUICE_QUEUES: settings.queue,
    SLUICE_CONCURRENCY: String(settings.concurrency),
    SLUICE_HEALTH_PORT: '0',
    SLUICE_LOG_LEVEL: 'warn',
  };
}

/** Node's own flags for a worker: ours (they may say where sources are), without a debugger's port. Pure. */
export function workerFlags(execArgv: readonly string[]): string[] {
  return execArgv.filter((flag) => !flag.startsWith('--inspect'));
}
