/** Longer than any worker takes to be back after the end of an outage, ms. */
const allBackMs = 8000;

/** What it takes to tell an outage of Redis from a death of workers: see `parts/fleet-seen.ts` of the scripts. */
export type Judging = {
  /** Redis was away if nobody in the fleet was seen for so long, ms. */
  pauseMs: number;
  /** Then nothing counts as stalled for so long, ms. */
  allBackMs: number;
};

/** Locks are renewed at half their duration, so a shorter outage costs none. A worker is seen twice a second. */
export function judgingOf(lockMs: number): Judging {
  return { pauseMs: lockMs / 2, allBackMs };
}
