import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

const askEveryMs = 250;

/** Asks Redis for a sign of life while something is awaited: that no reply comes says nothing about Redis. */
export class OutageWatch {
  readonly #redis: Redis;
  readonly #toleratedMs: number;
  readonly #onOutage: (error: Error) => void;
  #isWatching = false;

  /**
   * @param redis a client whose commands fail when there is no answer
   * @param toleratedMs a shorter outage is none; a connection that was lost is back sooner
   */
  constructor(redis: Redis, toleratedMs: number, onOutage: (error: Error) => void) {
    this.#redis = redis;
    this.#toleratedMs = toleratedMs;
    this.#onOutage = onOutage;
  }

  /** @param isNeeded called before each look; the first `false` ends the watch */
  async watch(isNeeded: () => boolean): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    let answeredAt = performance.now();
    while (isNeeded()) {
      const askedAt = performance.now();
      try {
        await this.#redis.ping();
        answeredAt = askedAt;
      } catch (error) {
        if (performance.now() - answeredAt >= this.#toleratedMs) this.#onOutage(error as Error);
      }
      await sleep(askEveryMs, undefined, { ref: false });
    }
    this.#isWatching = false;
  }
}
