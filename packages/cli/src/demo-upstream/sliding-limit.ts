/** A limit the upstream enforces itself, over all its routes and clients together. */
export interface UpstreamLimit {
  /** Requests admitted in any window of `perMs`. A whole number from 1. */
  limit: number;
  /** The length of the window, in ms. */
  perMs: number;
  /** A true sliding log: a request is rejected exactly when `limit` counted ones are less than `perMs` old. */
  shape?: 'sliding';
  /**
   * What a rejection says about the wait. `seconds` (default): `Retry-After`, rounded up, so never too early;
   * `ms`: `retry-after-ms`, and no `Retry-After`; `none`: nothing.
   */
  retryAfter?: 'seconds' | 'ms' | 'none';
  /** True: a rejected request also counts against the window, so whoever keeps asking never gets in. Default false. */
  refusedCount?: boolean;
}

/**
 * An exact sliding log: it admits a request when fewer than `limit` counted ones are in the `perMs` before it.
 * Only the last `limit` counted times matter, so a ring of that size is the whole log.
 */
export class SlidingLimit {
  readonly #perMs: number;
  readonly #refusedCount: boolean;
  readonly #ring: Float64Array;
  /** The place of the oldest in the ring, where the next one goes. */
  #oldest = 0;

  constructor(limit: UpstreamLimit) {
    this.#perMs = limit.perMs;
    this.#refusedCount = limit.refusedCount ?? false;
    this.#ring = new Float64Array(limit.limit).fill(-Infinity);
  }

  /**
   * Asks for one request at time `t` (ms; never earlier than the one before).
   * @returns 0 when it is admitted, else the ms until one would be, if nobody asks in between.
   */
  take(t: number): number {
    // A subtraction, as in worstWindow: the two must agree to the last bit on what is inside a window.
    const refused = t - this.#oldestTime() < this.#perMs;
    if (!refused || this.#refusedCount) {
      this.#ring[this.#oldest] = t;
      this.#oldest = (this.#oldest + 1) % this.#ring.length;
    }
    if (!refused) return 0;
    // Rounding must not turn a narrow rejection into a wait of 0, which would mean admitted.
    return Math.max(1e-6, this.#oldestTime() + this.#perMs - t);
  }

  #oldestTime(): number {
    return this.#ring[this.#oldest] ?? -Infinity;
  }
}

/** The headers with which a rejection states its wait. */
export function waitHeaders(limit: UpstreamLimit, waitMs: number): Record<string, string> {
  if (limit.retryAfter === 'none') return {};
  if (limit.retryAfter === 'ms') return { 'retry-after-ms': String(Math.ceil(waitMs)) };
  return { 'retry-after': String(Math.ceil(waitMs / 1000)) };
}
