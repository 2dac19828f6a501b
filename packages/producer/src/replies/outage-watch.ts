import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

const askEveryMs = 250;

/** Asks Redis for a sign of life for as long as something is awaited: a reply that does not come tells nothing. */
export class OutageWatch {
  readonly #redis: Redis;
  readonly #toleratedMs: number;
  readonly #onOutage: (error: Error) => void;
  #isWatching = false;

  /**
   * @param redis whose commands fail when there is no answer
   * @param toleratedMs an outage is one after this; a connection that was lost is back sooner
   */
  constructor(redis: Redis, toleratedMs: number, onOutage: (error: Error) => void) {
    this.#redis = redis;
    this.#toleratedMs = toleratedMs;
    this.#onOutage = onOutage;
  }

  /** @param isNeeded asked before each look; the first no ends the watch */
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
