import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, keepLockScript } from '@sluice/shared';

/** Keeps the locks of runs through an outage of Redis that lasts longer than a lock. */
export class Locks {
  readonly #lockMs: number;
  readonly #keep: BoundTo<typeof keepLockScript>;
  readonly #holders = new Set<() => void>();

  constructor(redis: Redis, keys: Keys, lockMs: number) {
    this.#lockMs = lockMs;
    this.#keep = bindScript(redis, keys, keepLockScript);
    redis.on('ready', () => {
      for (const look of this.#holders) look();
    });
  }

  /** Calls back whenever Redis is back; returns a function that unsubscribes. */
  onReturn(look: () => void): () => void {
    this.#holders.add(look);
    return () => this.#holders.delete(look);
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
