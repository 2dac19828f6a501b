import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../test-run.ts';

/** The wall clock of processes that a test starts. */
export type SkewedClock = {
  /** For the processes' environment. */
  env: Record<string, string>;
  /** Sets the clock, also of those that run. @param ms ahead of the machine's clock; negative: behind it */
  set(ms: number): void;
};

/** A clock for Node processes: what `Date` tells is moved, timers and `performance.now()` go on. */
export function skewedClock(ms: number): SkewedClock {
  const file = join(temporaryFolder('clock'), 'offset');
  const set = (offsetMs: number) => {
    // Whole at any time: it is read while it is written.
    writeFileSync(`${file}.new`, String(offsetMs));
    renameSync(`${file}.new`, file);
  };
  set(ms);
  const preload = new URL('skewed-clock.ts', import.meta.url).href;
  return { env: { NODE_OPTIONS: `--import=${preload}`, SLUICE_TEST_CLOCK: file }, set };
}
