import type { Redis } from 'ioredis';
import { type BoundTo, bindScript, isScriptFault } from '@sluice/redis';
import {
  type Keys,
  expireScript,
  failedReason,
  nextDeadlineScript,
  readEnvelopeText,
  retryDeadlineMs,
} from '@sluice/shared';
import type { Logger } from '../logger.ts';
import { expired } from '../pipeline/endings.ts';
import type { Outcomes } from '../results/outcomes.ts';
import type { Quarantine } from './quarantine.ts';
import type { Chore } from './sweeper.ts';

const everyMs = 500;
const atOnce = 100;

/** Queues whose deadlines are swept at the same time. A job may be large, and is read before it ends. */
const lanes = 8;

/**
 * Ends jobs whose deadline passed while they waited. In a held queue nothing else touches them, and their callers would
 * hear of it only when the hold ends.
 */
export class Deadlines implements Chore {
  readonly name = 'the deadlines';
  readonly everyMs = everyMs;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #now: () => number;
  readonly #outcomes: Outcomes;
  readonly #quarantine: Quarantine;
  readonly #log: Logger;
  readonly #expire: BoundTo<typeof expireScript>;
  readonly #next: BoundTo<typeof nextDeadlineScript>;

  constructor(parts: {
    redis: Redis;
    keys: Keys;
    /** Epoch ms of Redis' clock. */
    now: () => number;
    outcomes: Outcomes;
    quarantine: Quarantine;
    log: Logger;
  }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#now = parts.now;
    this.#outcomes = parts.outcomes;
    this.#quarantine = parts.quarantine;
    this.#log = parts.log;
    this.#expire = bindScript(parts.redis, parts.keys, expireScript);
    this.#next = bindScript(parts.redis, parts.keys, nextDeadlineScript);
  }

  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      // Those that have waited longest. What is left of a queue after a page comes with the next round.
      const queues = await this.#due(this.#keys.due, 0);
      if (queues.length === 0) return;
      const rest = queues.values();
      const lane = async () => {
        for (const queue of rest) if (goesOn()) await this.#sweep(queue, goesOn);
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    }
  }

  async #due(key: string, offset: number): Promise<string[]> {
    return await this.#redis.zrangebyscore(key, '-inf', this.#now(), 'LIMIT', offset, atOnce);
  }

  async #sweep(queue: string, goesOn: () => boolean): Promise<void> {
    let afterMs;
    try {
      afterMs = await this.#page(queue, goesOn);
    } catch (error) {
      if (!isScriptFault(error)) throw error;
      // A key of this queue is not what it should be; the other queues go on.
      this.#log.warn({ err: error, queue }, 'the deadlines of a queue cannot be swept');
      afterMs = retryDeadlineMs;
    }
    await this.#next([queue], { queue, afterMs });
  }

  /** Ends at most a page of jobs. @returns in how many ms to look at those that are due and left */
  async #page(queue: string, goesOn: () => boolean): Promise<number> {
    for (let left = 0; goesOn();) {
      const ids = await this.#due(this.#keys.deadlines(queue), left);
      const before = left;
      for (const id of ids) if (!goesOn() || !(await this.#end(queue, id))) left += 1;
      if (ids.length < atOnce) return everyMs;
      // Workers have all of them: those behind must not wait for that.
      if (left - before < ids.length) return 0;
    }
    return 0;
  }

  /** @returns false: a worker has the job, and its attempt's own timer ends it */
  async #end(queue: string, id: string): Promise<boolean> {
    if (await this.#quarantine.removed(queue, id)) return true;
    const examined = await this.#quarantine.examine(queue, id);
    if (examined.fault !== null) {
      await this.#quarantine.take(queue, id, examined);
      return true;
    }
    const now = this.#now();
    const { data, attemptsMade } = examined;
    const verdict = expired(attemptsMade, now);
    if (data !== null) {
      const { addressee } = readEnvelopeText(data);
      // No worker has this token, so the commit fails if a worker has the job.
      const job = { queue, id, token: 'deadline' };
      if ((await this.#outcomes.tell(job, addressee, verdict)) === 'lock-lost') return false;
    }
    const reason = failedReason(verdict.outcome.error!);
    return (await this.#expire([queue, id], { id, now, reason })) !== 'active';
  }
}
