import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, trimFailedScript } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import type { LivePolicy } from '../job/live-policy.ts';
import { Repeating } from './repeating.ts';

const trimEveryMs = 5000;
const atOnce = 500;

/**
 * Removes failed jobs when their time is over. BullMQ does so only when it fails another job: not for jobs that expire
 * while they wait, nor in a queue where nothing fails any more. Every worker does this.
 */
export class FailedJobs {
  readonly #keys: Keys;
  readonly #queues: () => Iterable<LivePolicy>;
  readonly #now: () => number;
  readonly #trim: BoundTo<typeof trimFailedScript>;
  readonly #trimming: Repeating;

  /** @param parts `now`: epoch ms */
  constructor(parts: {
    redis: Redis;
    keys: Keys;
    queues: () => Iterable<LivePolicy>;
    now: () => number;
    log: Logger;
  }) {
    this.#keys = parts.keys;
    this.#queues = parts.queues;
    this.#now = parts.now;
    this.#trim = bindScript(parts.redis, parts.keys, trimFailedScript);
    this.#trimming = new Repeating(
      trimEveryMs,
      () => this.#trimAll(),
      (error) => parts.log.warn({ err: error }, 'removing old failed jobs failed'),
    );
  }

  start(): void {
    this.#trimming.start();
  }

  async stop(): Promise<void> {
    await this.#trimming.stop();
  }

  async #trimAll(): Promise<void> {
    for (const { name, policy } of this.#queues()) {
      const { age, count } = policy.keepFailed;
      const jobKey = this.#keys.bull(name).job('');
      let removed;
      do {
        const before = this.#now() - age;
        removed = await this.#trim([name], { jobKey, before, kept: count, most: atOnce });
      } while (removed === atOnce && !this.#trimming.stopped);
    }
  }
}
