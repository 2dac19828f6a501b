/** Where a run stands. */
export type Progress = {
  /** Jobs of the input. */
  total: number;
  completed: number;
  failed: number;
  /** Requests per second, over the last few seconds. */
  requestsPerSecond: number;
  rateLimited: number;
  /** At the current speed; null while that is unknown. */
  secondsLeft: number | null;
};

type Sample = { at: number; requests: number; ended: number };

/** Speeds are averages over this time, ms: short enough to be "now", long enough not to jump. */
const requestWindowMs = 3000;
const endedWindowMs = 10_000;

/** Computes speeds from the last samples of a run's counters. Callers pass the time, so it reads no clock. */
export class Meter {
  readonly #samples: Sample[] = [];

  /** @param at ms on a monotonic clock */
  sample(at: number, requests: number, ended: number): void {
    this.#samples.push({ at, requests, ended });
    while (this.#samples.length > 2 && this.#samples[1]!.at <= at - endedWindowMs) this.#samples.shift();
  }

  /** Requests per second now. */
  requestsPerSecond(): number {
    return this.#speed('requests', requestWindowMs);
  }

  /** Seconds until `left` more jobs have ended; null while none ends. */
  secondsLeft(left: number): number | null {
    if (left === 0) return 0;
    const speed = this.#speed('ended', endedWindowMs);
    return speed > 0 ? left / speed : null;
  }

  #speed(of: 'requests' | 'ended', windowMs: number): number {
    const last = this.#samples.at(-1);
    if (last === undefined) return 0;
    const first = this.#samples.findLast((sample) => sample.at <= last.at - windowMs) ?? this.#samples[0]!;
    const ms = last.at - first.at;
    return ms > 0 ? ((last[of] - first[of]) / ms) * 1000 : 0;
  }
}
