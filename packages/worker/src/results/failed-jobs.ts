import type { Redis } from 'ioredis';
import { type BoundScript, type Keys, type Logger, bindScript, trimFailedScript } from '@sluice/shared';
import type { ServedQueue } from '../limits/policy.ts';

const trimEveryMs = 5000;
const atOnce = 500;

/**
 * Removes failed jobs when their time is over. Jobs that expire while they wait never pass through BullMQ, which
 * would remove others then, and in a queue where nothing fails any more nobody would. Every worker does.
 */
export class FailedJobs {
  readonly #keys: Keys;
  readonly #queues: () => Iterable<ServedQueue>;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #trim: BoundScript;
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param parts `now`: epoch ms */
  constructor(parts: {
    redis: Redis;
    keys: Keys;
    queues: () => Iterable<ServedQueue>;
    now: () => number;
    log: Logger;
  }) {
    this.#keys = parts.keys;
    this.#queues = parts.queues;
    this.#now = parts.now;
    this.#log = parts.log;
    this.#trim = bindScript(parts.redis, trimFailedScript);
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#trimming = this.#trimAll()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'removing old failed jobs failed'))
        .finally(() => {
          if (!this.#stopped) this.start();
        });
    }, trimEveryMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#trimming;
  }

  async #trimAll(): Promise<void> {
    for (const { name, policy } of this.#queues()) {
      const { age, count } = policy.keepFailed;
      const bull = this.#keys.bull(name);
      let removed;
      do {
        removed = Number(await this.#trim([bull.failed], [bull.job(''), this.#now() - age, count, atOnce]));
      } while (removed === atOnce && !this.#stopped);
    }
  }
}
