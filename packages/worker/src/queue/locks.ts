import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, keepLockScript, stalledLookScript } from '@sluice/shared';

/** Longer than any worker takes to be back after the end of an outage, ms. */
const allBackMs = 4000;

/** Keeps the locks of runs through an outage of Redis that lasts longer than a lock. */
export class Locks {
  readonly #lockMs: number;
  readonly #pauseMs: number;
  readonly #keep: BoundTo<typeof keepLockScript>;
  readonly #look: BoundTo<typeof stalledLookScript>;
  readonly #holders = new Set<() => void>();

  constructor(redis: Redis, keys: Keys, lockMs: number) {
    this.#lockMs = lockMs;
    // Locks are renewed at half their duration, so a shorter outage costs none. Looks are at most a quarter of it
    // apart.
    this.#pauseMs = lockMs / 2;
    this.#keep = bindScript(redis, keys, keepLockScript);
    this.#look = bindScript(redis, keys, stalledLookScript);
    redis.on('ready', () => {
      for (const look of this.#holders) look();
    });
  }

  /** Calls back whenever Redis is back; returns a function that unsubscribes. */
  onReturn(look: () => void): () => void {
    this.#holders.add(look);
    return () => this.#holders.delete(look);
  }

  /**
   * May jobs without a lock be counted as stalled? Not while workers that have their outcomes may still be coming back
   * after an outage.
   */
  async mayJudgeStalled(queue: string): Promise<boolean> {
    return await this.#look([queue], { pauseMs: this.#pauseMs, allBackMs });
  }

  /** @returns the ids of the runs that another worker has now, or will have */
  async keep(queue: string, runs: Iterable<readonly [id: string, token: string]>): Promise<string[]> {
    const answers = await Promise.all(
      Array.from(runs, async ([id, token]) => {
        const kept = await this.#keep([queue, id], { id, token, lockMs: this.#lockMs });
        return kept ? [] : [id];
      }),
    );
    return answers.flat();
  }
}
