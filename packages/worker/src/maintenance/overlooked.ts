import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, overlookedDeadlinesScript } from '@sluice/shared';
import { type Chore, inParts } from './sweeper.ts';

const everyMs = 60_000;

/** While there are producers that note deadlines for their queue alone. */
const oftenMs = 10_000;

/** They count as there for so long after the last such deadline, ms. */
const thereMs = 600_000;

const atOnce = 100;

/**
 * Finds deadlines that are missing in the list of what is due: those of producers up to 0.1, and those whose producer
 * died half-way.
 */
export class Overlooked implements Chore {
  readonly name = 'overlooked deadlines';
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #find: BoundTo<typeof overlookedDeadlinesScript>;
  /** Monotonic ms. */
  #foundAt = Number.NEGATIVE_INFINITY;

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#find = bindScript(redis, keys, overlookedDeadlinesScript);
  }

  get everyMs(): number {
    return performance.now() - this.#foundAt < thereMs ? oftenMs : everyMs;
  }

  async run(goesOn: () => boolean): Promise<void> {
    for (const names of inParts(await this.#redis.hkeys(this.#keys.queues), atOnce)) {
      if (!goesOn()) return;
      if ((await this.#find([names], { names: JSON.stringify(names) })) > 0)
        this.#foundAt = performance.now();
    }
  }
}
