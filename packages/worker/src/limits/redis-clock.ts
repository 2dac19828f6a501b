/** Two clocks drift apart by at most so much: quartz does by a tenth of it. */
const drift = 500e-6;

/** Redis' clock as this process knows it: between two bounds, from the calls that told its time. */
export class RedisClock {
  /** Redis' time less ours, ms: no less and no more. */
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;
  #seenAt = 0;

  /**
   * A call told Redis' time: it was read between its two ends.
   * @param askedAt, heardAt of performance.now()
   */
  observe(redisMs: number, askedAt: number, heardAt: number): void {
    const aged = drift * (heardAt - this.#seenAt);
    const least = Math.max(redisMs - heardAt, this.#least - aged);
    const most = Math.min(redisMs - askedAt, this.#most + aged);
    // One of the clocks was set.
    const isOdd = least > most;
    this.#least = isOdd ? redisMs - heardAt : least;
    this.#most = isOdd ? redisMs - askedAt : most;
    this.#seenAt = heardAt;
  }

  /** A time of Redis' clock, by performance.now(): not before `earliest`, and not after `latest`. */
  here(redisMs: number): { earliest: number; latest: number } {
    return { earliest: redisMs - this.#most, latest: redisMs - this.#least };
  }
}
