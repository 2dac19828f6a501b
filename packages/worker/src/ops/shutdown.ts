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
