/** One moment on two clocks: the machine's monotonic one (ns) and this process' `performance.now()` (ms). */
export interface ClockMark {
  machineNs: bigint;
  nowMs: number;
  /** `performance.timeOrigin` of the same process. */
  timeOrigin: number;
}

/** The clock arrivals are timed with. */
export interface Clock {
  now(): number;
  /** What `now() === 0` is in ms since 1970. */
  timeOrigin: number;
}

/** The clock of this process. */
export const localClock: Clock = { now: () => performance.now(), timeOrigin: performance.timeOrigin };

/** Marks this moment, for `clockOf` in another process. */
export function markClock(): ClockMark {
  return {
    machineNs: process.hrtime.bigint(),
    nowMs: performance.now(),
    timeOrigin: performance.timeOrigin,
  };
}

/**
 * The `performance.now()` of the process that made the mark, readable in this one.
 * Both are offsets of the machine's monotonic clock, so the difference is a constant.
 */
export function clockOf(mark: ClockMark): Clock {
  const here = markClock();
  const sinceMarkMs = Number(here.machineNs - mark.machineNs) / 1e6;
  const offset = mark.nowMs + sinceMarkMs - here.nowMs;
  return { now: () => performance.now() + offset, timeOrigin: mark.timeOrigin };
}
