import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/shared';
import { type AddPlace, type Note, addOnce, defineAdded, insistently } from './add-once.ts';
import type { Adds } from './adds.ts';
import type { BullJob } from './to-job.ts';

/** Puts a job that is ready on its queue, with its deadline: together with others where that is possible, else alone. */
export class Adder {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #adds: Adds | null;

  /** @param adds null: jobs are not added together */
  constructor(redis: Redis, keys: Keys, adds: Adds | null) {
    this.#redis = redis;
    this.#keys = keys;
    this.#adds = adds;
    defineAdded(redis);
  }

  /**
   * @param note of a job that names itself, or is in a batch; null: of no other. Its id is then nobody else's
   * @param deadline epoch ms
   * @returns false when it had been added before, by whoever knows its name; then nothing was changed
   */
  async add(
    place: AddPlace,
    job: BullJob,
    note: Note | null,
    deadline: number | undefined,
  ): Promise<boolean> {
    const adds = this.#adds;
    if (note === null && adds !== null) {
      const added = await insistently(place, async () => await adds.add(place, job, deadline));
      if (added !== null) return true;
    }
    // Before the job: the sweep drops a deadline without a job, but a job without its deadline could wait forever.
    if (deadline !== undefined) await this.#noteDeadline(place.name, job.opts.jobId!, deadline);
    if (note !== null) return await addOnce(place, job, note);
    await place.queue.add(job.name, job.data, job.opts);
    return true;
  }

  /** In this order: if the second is lost, the sweeper finds the first within a minute. */
  async #noteDeadline(queue: string, id: string, deadline: number): Promise<void> {
    await Promise.all([
      this.#redis.zadd(this.#keys.deadlines(queue), deadline, id),
      this.#redis.zadd(this.#keys.due, 'LT', deadline, queue),
    ]);
  }
}
