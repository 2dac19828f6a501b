import type { Logger } from './logger.ts';
import type { RunningPool } from './pool.ts';

/** What a signal drains. */
type Drained = { pool: RunningPool; graceMs: number; log: Logger; done: () => void };

/** How long after the grace the process exits, ms, if the event loop is too busy for the drain to end by itself. */
const longestMs = 1000;

/**
 * SIGTERM or SIGINT drains within the grace and exits 0 (1 if Redis did not answer: the jobs that are left run again
 * when their locks have expired); a second signal gives everything back at once. A worker started by another process
 * also drains when that process is gone (its IPC channel closes). A process that is still starting has nothing to give
 * back, and exits 0 at once. It listens from the start, because process 1 of a container ignores signals that it has no
 * listener for, and would be killed.
 */
export class Shutdown {
  #drained: Drained | undefined;
  #signals = 0;

  constructor() {
    const onSignal = (signal: string) => this.#onSignal(signal);
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    if (process.send !== undefined) process.on('disconnect', () => onSignal('parent gone'));
  }

  /** From now on a signal drains the pool. @param done called when it is drained */
  drains(pool: RunningPool, graceMs: number, log: Logger, done: () => void): void {
    this.#drained = { pool, graceMs, log, done };
  }

  #onSignal(signal: string): void {
    if (this.#drained === undefined) process.exit(0);
    const { graceMs, log } = this.#drained;
    this.#signals += 1;
    log.info({ signal, graceMs }, this.#signals === 1 ? 'draining' : 'giving back the jobs in flight');
    const exitMs = (this.#signals === 1 ? graceMs : 0) + longestMs;
    setTimeout(() => this.#exit(1, 'the drain did not end in time'), exitMs).unref();
    void this.#drain(this.#drained);
  }

  async #drain({ pool, graceMs, log, done }: Drained): Promise<void> {
    try {
      const isEmpty = await pool.drain(graceMs);
      done();
      if (!isEmpty)
        this.#exit(1, 'Redis did not answer: the jobs in flight run again when their locks have expired');
      log.info('drained');
      process.exit(0);
    } catch (error) {
      log.error({ err: error }, 'drain failed');
      process.exit(1);
    }
  }

  #exit(code: number, message: string): never {
    this.#drained?.log.error(message);
    process.exit(code);
  }
}
