import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/shared';
import type { TakenJob } from '../pipeline/admit.ts';

/** A run that comes later than this is not told from a first one. */
const markTtlMs = 7 * 86_400_000;

/** Marks of at-most-once jobs: "this attempt is being sent". A re-run of the attempt finds it and sends nothing. */
export class SendMarks {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** False when the attempt was marked before. */
  async mark(job: TakenJob): Promise<boolean> {
    const key = this.#keys.sent(job.queue, job.id, job.attemptsMade);
    return (await this.#redis.set(key, job.token, 'PX', markTtlMs, 'NX')) === 'OK';
  }

  /** Nothing was sent after all. */
  async clear(job: TakenJob): Promise<void> {
    await this.#redis.unlink(this.#keys.sent(job.queue, job.id, job.attemptsMade));
  }
}
