import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Keys,
  type Outcome,
  codeOfOutcome,
  outcomeError,
  decodeSettled,
  encodeMessage,
  explainScript,
  failureMarker,
  queueNameSchema,
  readEnvelopeText,
  settleCall,
  settleScript,
  validate,
} from '@sluice/shared';
import { clientClosed } from './closed.ts';
import type { OpenQueues } from './connection/open-queues.ts';
import { requestOf } from './request-line.ts';
import { explanationOf } from './explain/explain.ts';
import type { Explanation, JobStatus } from './explain/explanation.ts';
import type { StoredBodies } from './stored-bodies.ts';

export type { JobStatus } from './explain/explanation.ts';

/** What a cancel did. `cancelling`: it runs, and its worker was told to abort it. `ended`: it had ended before. */
export type CancelResult = 'cancelled' | 'cancelling' | 'ended' | 'unknown';

/** Longer than any run that could still look for the mark. */
const cancelMarkTtlMs = 3_600_000;

/** When to try again to cancel a job that was active, ms after the try before. */
const cancelAgainMs = [50, 250, 1000, 5000];

/** How far from the front a job's place in its queue is told: looking through more would hold up Redis. */
const placesLooked = 10_000;

/** What can be done with a job by its id, from any process. */
export class Jobs {
  /** The bodies of their responses, where those are stored. */
  readonly bodies: StoredBodies;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #queues: OpenQueues;
  readonly #settle: BoundTo<typeof settleScript>;
  readonly #explain: BoundTo<typeof explainScript>;
  #closed = false;

  constructor(redis: Redis, keys: Keys, queues: OpenQueues, bodies: StoredBodies) {
    this.bodies = bodies;
    this.#redis = redis;
    this.#keys = keys;
    this.#queues = queues;
    this.#settle = bindScript(redis, keys, settleScript);
    this.#explain = bindScript(redis, keys, explainScript);
  }

  /** From here on every call throws. */
  close(): void {
    this.#closed = true;
    this.bodies.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw clientClosed();
  }

  /** The request of a job that is still kept; undefined: it is not, or cannot be read, or Redis does not answer. */
  async requestOf(queue: string, id: string): Promise<{ method: string; url: string } | undefined> {
    const data = await this.#redis.hget(this.#keys.bull(queue).job(id), 'data').catch(() => null);
    const read = readEnvelopeText(data);
    return read.type === 'envelope' ? requestOf(read.envelope.req) : undefined;
  }

  async status(queue: string, id: string): Promise<JobStatus> {
    this.#assertOpen();
    const bytes = await this.#redis.getBuffer(this.#keys.outcome(queue, id));
    if (bytes !== null) {
      if (bytes.toString() === failureMarker) return 'failed';
      const kind = decodeSettled(bytes)?.outcome.kind;
      return kind === undefined || kind === 'response' ? 'completed' : 'failed';
    }
    const state = await this.#queues.get(queue).getJobState(id);
    if (state === 'prioritized') return 'waiting';
    return state === 'waiting-children' ? 'waiting' : state;
  }

  /** Where a job is, why it waits and until when: one script, which reads only. */
  async explain(queue: string, id: string): Promise<Explanation> {
    this.#assertOpen();
    validate(queueNameSchema, queue, 'SLUICE_INVALID_SPEC', `queue "${queue}"`);
    return explanationOf(queue, id, await this.#explain([queue, id], { id, longest: placesLooked }));
  }

  /** Ends a job wherever it is. If the message to its worker is lost, the mark stops the job at its next permit. */
  async cancel(queue: string, id: string): Promise<CancelResult> {
    const result = await this.#cancelNow(queue, id);
    if (result === 'cancelling') void this.#insist(queue, id).catch(() => {});
    return result;
  }

  async #cancelNow(queue: string, id: string): Promise<CancelResult> {
    this.#assertOpen();
    const mark = this.#keys.cancel(queue, id);
    await this.#redis.set(mark, '1', 'PX', cancelMarkTtlMs);
    const result = await this.#end(queue, id, 'cancelled', 'the job was cancelled');
    if (result === 'cancelling') {
      await this.#redis.publish(this.#keys.events, encodeMessage({ type: 'cancel', queue, id }));
    } else {
      // The mark is for runs: if it stayed, it would end a later job with the same id.
      await this.#redis.unlink(mark);
    }
    return result;
  }

  /**
   * The attempt may have ended before its worker got the message. The job then waits for its next attempt, for a minute
   * or an hour, and nobody looks at it.
   */
  async #insist(queue: string, id: string): Promise<void> {
    for (const ms of cancelAgainMs) {
      await sleep(ms, undefined, { ref: false });
      if ((await this.#cancelNow(queue, id)) !== 'cancelling') return;
    }
  }

  /**
   * Takes a job back unless a worker has it (`cancelling`: it goes on).
   * @param isUnsent it goes on, too, when an attempt was made
   */
  async withdraw(queue: string, id: string, isUnsent = false): Promise<CancelResult> {
    const message = 'the job was taken back before it was attempted';
    return await this.#end(queue, id, 'cancelled', message, isUnsent);
  }

  /** Ends a job that no worker took by its deadline, unless a worker has it now (`cancelling`: it goes on). */
  async expire(queue: string, id: string): Promise<CancelResult> {
    const message = `no worker ended the job by its deadline; is there one that serves queue "${queue}", and does its rate allow for the backlog?`;
    return await this.#end(queue, id, 'expired', message);
  }

  /** Commits the outcome first: if this process dies before it removes the job, the worker that takes it drops it. */
  async #end(
    queue: string,
    id: string,
    kind: 'cancelled' | 'expired',
    message: string,
    isUnsent = false,
  ): Promise<CancelResult> {
    const bull = this.#keys.bull(queue);
    const [ended, [data, attemptsMade]] = await Promise.all([
      this.#redis.exists(this.#keys.outcome(queue, id)),
      this.#redis.hmget(bull.job(id), 'data', 'atm') as Promise<[string | null, string | null]>,
    ]);
    if (ended === 1) return 'ended';
    if (data === null) return 'unknown';
    if (isUnsent && Number(attemptsMade ?? 0) > 0) return 'cancelling';
    const read = readEnvelopeText(data);
    const now = Date.now();
    // A fetch that joined somebody else's job has its own deadline, not the job's.
    const deadline = read.type === 'envelope' ? (read.envelope.deadline ?? 0) : 0;
    if (kind === 'expired' && deadline > now) return 'cancelling';
    const outcome: Outcome = {
      kind,
      attempts: Number(attemptsMade ?? 0),
      endedAt: now,
      durationMs: 0,
      error: outcomeError(codeOfOutcome[kind], message),
    };
    // No worker has this token, so the commit fails if a worker has the job.
    const end = { outcome, body: new Uint8Array() };
    const { place, args } = settleCall({ queue, id, token: 'cancel' }, read.addressee, end);
    const committed = await this.#settle(place, args);
    if (committed === 'lock-lost') return 'cancelling';
    if (committed === 'already') return 'ended';
    // If a worker took the job just now, it finds the outcome and drops the job; then the removal may fail.
    await this.#queues
      .get(queue)
      .remove(id)
      .catch(() => 0);
    return 'cancelled';
  }
}
