import { createLogger, guardedLogger } from './logger.ts';
import { type WorkerOptions, readWorkerOptions } from './options.ts';
import { Pool } from './pool.ts';

/** A worker inside this process. Made by `startWorker`. */
export interface EmbeddedWorker extends AsyncDisposable {
  /** What the fleet knows it by: `sluice.workers()`. */
  readonly id: string;
  /** Why it does not take jobs of all its queues now, a sentence each; empty: it does. */
  notReady(): string[];
  /**
   * Takes no more jobs, waits up to `grace` for the requests under way, and gives the rest back with no attempt spent;
   * then closes its connections. A second call gives back at once what is still under way. Resolves within the grace
   * plus a second, whatever Redis does; never rejects. `await using` calls it.
   */
  close(): Promise<void>;
}

/**
 * Starts a worker inside this process, beside whatever else it does: `await using worker = await startWorker()`.
 * Resolves when it serves: it is connected, and takes the jobs of the queues that have a policy.
 *
 * It leaves the process alone: no signal handlers, no exit, nothing on standard output, no environment variables. So
 * call `close()` before the process ends; jobs of a process that ends without it run again when their locks have
 * expired (`lockDuration`).
 * @throws SluiceError SLUICE_INVALID_CONFIG with every fault; SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH,
 *   SLUICE_REDIS_VERSION, SLUICE_REDIS_EVICTS, SLUICE_CLOCK_SKEW
 */
export async function startWorker(options: WorkerOptions = {}): Promise<EmbeddedWorker> {
  const { config, logger } = readWorkerOptions(options);
  const log = guardedLogger(logger ?? createLogger('sluice-worker', 'warn'));
  const pool = await Pool.open(config, log);
  try {
    await pool.serve();
  } catch (error) {
    await pool.drain(0);
    throw error;
  }
  for (const reason of pool.notReady()) log.warn(`not ready: ${reason}`);
  const close = async () => {
    const isEmpty = await pool.drain(config.graceMs);
    if (!isEmpty)
      log.error('Redis did not answer: the jobs in flight run again when their locks have expired');
  };
  return { id: pool.id, notReady: () => pool.notReady(), close, [Symbol.asyncDispose]: close };
}
