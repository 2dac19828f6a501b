import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../test-run.ts';

/** The wall clock of processes that a test starts. */
export type SkewedClock = {
  /** Add this to the processes' environment. */
  env: Record<string, string>;
  /** Sets the clock, even of running processes. @param ms ahead of the machine's clock; negative: behind it */
  set(ms: number): void;
};

/** A clock for Node processes: it moves `Date`, but neither timers nor `performance.now()`. */
export function skewedClock(ms: number): SkewedClock {
  const file = join(temporaryFolder('clock'), 'offset');
  const set = (offsetMs: number) => {
    // Renamed into place, because it may be read while it is written.
    writeFileSync(`${file}.new`, String(offsetMs));
    renameSync(`${file}.new`, file);
  };
  set(ms);
  const preload = new URL('skewed-clock.ts', import.meta.url).href;
  return { env: { NODE_OPTIONS: `--import=${preload}`, SLUICE_TEST_CLOCK: file }, set };
}
