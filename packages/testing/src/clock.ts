import type { Duration } from '@sluice/shared';

/** The time of the jobs: not that of the process. */
export type TestClock = {
  /** Epoch ms. It begins with the process' time. */
  now(): number;
  /**
   * Moves time on: `"5s"`, or ms. Resolves when all that was due by then has been done, in its order: retries, holds that
   * end, delayed jobs, deadlines.
   */
  advance(time: Duration): Promise<void>;
};
