import type { Logger } from '@sluice/shared';
import type { RunningPool } from '../pool.ts';

/**
 * SIGTERM or SIGINT drains within the grace and exits 0; a second one gives everything back at once. A worker started
 * by another process also drains when that process is gone (its IPC channel closes).
 */
export function drainOnSignals(pool: RunningPool, graceMs: number, log: Logger, done: () => void): void {
  let signals = 0;
  const onSignal = (signal: string) => {
    signals += 1;
    log.info({ signal, graceMs }, signals === 1 ? 'draining' : 'giving back what is in flight');
    // Redis may be away, and nothing can be given back: the stalled check of another worker brings the jobs back.
    setTimeout(() => {
      log.error('the drain did not end in time; exiting');
      process.exit(1);
    }, graceMs + 1000).unref();
    pool.drain(graceMs).then(
      () => {
        log.info('drained');
        done();
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'drain failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  if (process.send !== undefined) process.on('disconnect', () => onSignal('parent gone'));
}
