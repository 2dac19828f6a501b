import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, expireScript, failedReason, readEnvelopeText } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import { Repeating } from './repeating.ts';
import { expired } from '../pipeline/endings.ts';
import type { Quarantine } from './quarantine.ts';
import type { Outcomes } from '../results/outcomes.ts';

const sweepMs = 500;
const atOnce = 100;

/**
 * Ends jobs of the served queues whose deadline passed while they waited. In a held queue nothing else touches them,
 * and their callers would hear of it only when the hold ends. Every worker sweeps; each step may be done twice.
 */
export class DeadlineSweeper {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #queues: () => Iterable<string>;
  readonly #now: () => number;
  readonly #outcomes: Outcomes;
  readonly #quarantine: Quarantine;
  readonly #expire: BoundTo<typeof expireScript>;
  readonly #sweeping: Repeating;

  constructor(options: {
    redis: Redis;
    keys: Keys;
    queues: () => Iterable<string>;
    /** Epoch ms. */
    now: () => number;
    outcomes: Outcomes;
    quarantine: Quarantine;
    log: Logger;
  }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#queues = options.queues;
    this.#now = options.now;
    this.#outcomes = options.outcomes;
    this.#quarantine = options.quarantine;
    this.#expire = bindScript(options.redis, options.keys, expireScript);
    this.#sweeping = new Repeating(
      sweepMs,
      () => this.#sweep(),
      (error) => options.log.warn({ err: error }, 'the deadline sweep failed; trying again'),
    );
  }

  start(): void {
    this.#sweeping.start();
  }

  async stop(): Promise<void> {
    await this.#sweeping.stop();
  }

  async #sweep(): Promise<void> {
    const now = this.#now();
    for (const queue of this.#queues()) {
      const due = await this.#redis.zrangebyscore(
        this.#keys.deadlines(queue),
        '-inf',
        now,
        'LIMIT',
        0,
        atOnce,
      );
      for (const id of due) await this.#end(queue, id, now);
    }
  }

  async #end(queue: string, id: string, now: number): Promise<void> {
    if (await this.#quarantine.removed(queue, id)) return;
    const examined = await this.#quarantine.examine(queue, id);
    if (examined.fault !== null) return await this.#quarantine.take(queue, id, examined);
    const { data, attemptsMade } = examined;
    const verdict = expired(attemptsMade, now);
    if (data !== null) {
      const { addressee } = readEnvelopeText(data);
      // No worker has this token, so the commit fails if a worker has the job.
      const job = { queue, id, token: 'deadline' };
      if ((await this.#outcomes.tell(job, addressee, verdict)) === 'lock-lost') return;
    }
    await this.#expire([queue, id], { id, now, reason: failedReason(verdict.outcome.error!) });
  }
}
