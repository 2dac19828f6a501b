import { type IQueueBackend, type WorkerOptions, createRedisBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, stalledLookScript } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import type { Judging } from './judging.ts';
import type { Quarantine } from './quarantine.ts';
import { type Chore, inParts } from './sweeper.ts';

const atOnce = 100;

/**
 * Lets jobs run again whose worker was lost: BullMQ's own check, which its workers would make in every queue, made where
 * there are jobs in workers' hands. And wakes workers for jobs whose wake-up was lost with a worker.
 */
export class StalledJobs implements Chore {
  readonly name = 'stalled jobs';
  readonly everyMs: number;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #judging: Judging;
  readonly #quarantine: Quarantine;
  readonly #log: Logger;
  readonly #look: BoundTo<typeof stalledLookScript>;
  /** On the connection of all others; of no queue. */
  readonly #backend: IQueueBackend;

  constructor(parts: {
    redis: Redis;
    keys: Keys;
    prefix: string;
    stalledIntervalMs: number;
    judging: Judging;
    quarantine: Quarantine;
    log: Logger;
  }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.everyMs = parts.stalledIntervalMs;
    this.#judging = parts.judging;
    this.#quarantine = parts.quarantine;
    this.#log = parts.log;
    this.#look = bindScript(parts.redis, parts.keys, stalledLookScript);
    const options: WorkerOptions = {
      connection: parts.redis,
      prefix: parts.prefix,
      // A killed worker never fails a job; BullMQ would fail it without an outcome.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // Within this after a check the next one does nothing, whoever makes it: shorter than the pause between ours.
      stalledInterval: Math.ceil(parts.stalledIntervalMs / 2),
    };
    this.#backend = createRedisBackend('', options);
    this.#backend.on('error', (error: unknown) => parts.log.debug({ err: error }, 'the sweeper lost Redis'));
  }

  async run(goesOn: () => boolean): Promise<void> {
    for (const names of inParts(await this.#redis.hkeys(this.#keys.queues), atOnce)) {
      if (!goesOn()) return;
      // The checks follow the look at once: between them Redis must not have been away.
      const busy = await this.#look([names], this.#judging);
      await Promise.all(busy.map((n) => this.#check(names[n]!)));
    }
  }

  async #check(queue: string): Promise<void> {
    try {
      const ids = await this.#backend.forQueue(queue).moveStalledJobsToWait();
      // Not only its worker may have been lost: it may be that nobody can read it.
      for (const id of ids) await this.#quarantine.look(queue, id);
    } catch (error) {
      this.#log.warn({ err: error, queue }, 'the check for stalled jobs failed; trying again');
    }
  }
}
