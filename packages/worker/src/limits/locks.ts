import type { Redis } from 'ioredis';
import { type BoundScript, type Keys, bindScript, keepLockScript } from '@sluice/shared';

/** Longer than any worker takes to be back after the end of an outage, ms. */
const othersBackMs = 5000;

/** Keeps the locks of runs over an outage of Redis that lasts longer than they do. */
export class Locks {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #lockMs: number;
  readonly #keep: BoundScript;
  readonly #holders = new Set<() => void>();
  #lostConnection = false;
  #readyAt = Number.NEGATIVE_INFINITY;

  constructor(redis: Redis, keys: Keys, lockMs: number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#lockMs = lockMs;
    this.#keep = bindScript(redis, keepLockScript);
    redis.on('close', () => {
      this.#lostConnection = true;
    });
    redis.on('ready', () => {
      this.#readyAt = performance.now();
      for (const look of this.#holders) look();
    });
  }

  /** Calls back whenever Redis is there again; returns the unsubscribe. */
  onReturn(look: () => void): () => void {
    this.#holders.add(look);
    return () => this.#holders.delete(look);
  }

  /**
   * May jobs without a lock be taken for stalled? Not while other workers may still be on their way back, with the
   * outcomes of those jobs.
   */
  get areTelling(): boolean {
    if (!this.#lostConnection) return true;
    return this.#redis.status === 'ready' && performance.now() - this.#readyAt > othersBackMs;
  }

  /** @returns the ids of the runs that another worker has now, or will have */
  async keep(queue: string, runs: Iterable<readonly [id: string, token: string]>): Promise<string[]> {
    const { lock, active, stalled } = this.#keys.bull(queue);
    const answers = await Promise.all(
      Array.from(runs, async ([id, token]) => {
        const kept = await this.#keep([lock(id), active, stalled], [id, token, this.#lockMs]);
        return kept === 1 ? [] : [id];
      }),
    );
    return answers.flat();
  }
}
