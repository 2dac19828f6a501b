import type { Redis } from 'ioredis';
import { type BoundTo, bindScript, isScriptFault } from '@sluice/redis';
import {
  type Addressee,
  type AttemptEnd,
  type Committed,
  type EndedJob,
  type Keys,
  type Outcome,
  type Settled,
  decodeSettled,
  endsField,
  readEnds,
  settleCall,
  settleScript,
} from '@sluice/shared';

/** How long an outcome that could not be delivered can be read by the job's id, ms. */
const untoldKeepMs = 3_600_000;

/** Outcomes in Redis: set once under the job's id, and appended to the streams of whoever awaits. */
export class Outcomes {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #settle: BoundTo<typeof settleScript>;
  readonly #replyTtlMs: number;

  /** @param replyTtlMs how long replies that nobody reads are kept */
  constructor(redis: Redis, keys: Keys, replyTtlMs: number) {
    this.#replyTtlMs = replyTtlMs;
    this.#redis = redis;
    this.#keys = keys;
    this.#settle = bindScript(redis, keys, settleScript);
  }

  /** The call that commits the outcome of a job. */
  call(job: EndedJob, addressee: Addressee, end: Settled): ReturnType<typeof settleCall> {
    return settleCall(job, addressee, end, this.#replyTtlMs);
  }

  /** Commits the outcome of a job, once, and tells its addressee. */
  async commit({ place, args }: ReturnType<typeof settleCall>): Promise<Committed> {
    return await this.#settle(place, args);
  }

  /**
   * Commits an end even if it cannot be delivered to its addressee, perhaps because another type of key is in the place
   * of its stream. Then the outcome can only be read by the job's id. Null: not even that.
   */
  async tell(job: EndedJob, addressee: Addressee, end: Settled): Promise<Committed | null> {
    for (const whom of [addressee, { keepMs: untoldKeepMs }]) {
      try {
        return await this.commit(this.call(job, whom, end));
      } catch (error) {
        if (!isScriptFault(error)) throw error;
        await this.#forget(job);
      }
    }
    return null;
  }

  /** How the attempts before this one ended, as far as it is known. */
  async endsOf({ queue, id }: Pick<EndedJob, 'queue' | 'id'>): Promise<readonly AttemptEnd[]> {
    return readEnds(await this.#redis.hget(this.#keys.bull(queue).job(id), endsField));
  }

  /** Replaces an outcome that was only partly committed: a script that fails does not undo what it wrote before. */
  async tellInstead(job: EndedJob, addressee: Addressee, end: Settled): Promise<void> {
    await this.#forget(job);
    await this.tell(job, addressee, end);
  }

  async #forget({ queue, id }: EndedJob): Promise<void> {
    await this.#redis.unlink(this.#keys.outcome(queue, id));
  }

  /**
   * The failure that is already the outcome of the job: an earlier run committed it but could not tell BullMQ. Null
   * when the job ended otherwise; one that its caller cancelled is dropped, not failed.
   */
  async failureOf({ queue, id }: EndedJob): Promise<Outcome['error'] | null> {
    const bytes = await this.#redis.hgetBuffer(this.#keys.bull(queue).job(id), 'outcome');
    const outcome = bytes === null ? undefined : decodeSettled(bytes)?.outcome;
    return outcome === undefined || outcome.kind === 'cancelled' ? null : (outcome.error ?? null);
  }
}
