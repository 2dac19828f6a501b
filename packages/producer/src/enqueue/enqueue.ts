import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  type Duration,
  type Keys,
  type NormalSpec,
  type Settled,
  SluiceError,
  fault,
  normalSpecSchema,
  plainSpec,
  validate,
} from '@sluice/shared';
import { redisFault } from '@sluice/redis';
import { bounded } from '../bounded.ts';
import { Adder } from './adder.ts';
import type { Adds } from './adds.ts';
import { backlogFull, guardAdds } from './backlog.ts';
import { batchSealed } from '../batch/batch.ts';
import { Dedup, retention } from './dedup.ts';
import { Handle } from '../handle.ts';
import type { Input } from '../input.ts';
import type { KnownQueues } from './known-queues.ts';
import type { Jobs } from '../jobs.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { OpenQueues } from '../connection/open-queues.ts';
import { requestOf } from '../request-line.ts';
import type { AcceptedJob } from '../reports.ts';
import type { Replies } from '../replies/replies.ts';
import { untilOverdue } from './overdue.ts';
import { isUnread, readBody, withTextType } from './read-body.ts';
import { toJob } from './to-job.ts';
import type { UnservedWatch } from './unserved.ts';

export interface EnqueueOptions {
  /** Default: the client's. */
  queue?: string | undefined;
  /**
   * How long the outcome can be read by its id: `"1h"`, or ms. 1 ms to 366 days. Default 1 hour for `enqueue`; `fetch`
   * and `stream` keep none.
   */
  keep?: Duration | undefined;
  /** @deprecated `keep`. ms */
  keepMs?: number | undefined;
  /**
   * Ends the wait for Redis, with SLUICE_WAIT_ABORTED. A job that is accepted later all the same is cancelled. Nobody has
   * to wait longer than `deadline` of the job either. Default: none.
   */
  signal?: AbortSignal | undefined;
  /**
   * Nobody here will await the job: no reply is sent to this process, and nothing is kept for it here. Its outcome can
   * still be asked for by its id, while it is kept. For a process that enqueues much and awaits little. Default false.
   */
  detached?: boolean | undefined;
  /**
   * Names this enqueue, not the request: the same key with the same spec is the same job, for a day after the first time
   * (`dedupTtl` of `connect`). The same key with another spec is SLUICE_KEY_REUSED. It is never sent, and makes no request
   * repeatable; the spec's `idempotencyKey` is for that. 1 to 1,000 characters. Default: none.
   */
  enqueueKey?: string | undefined;
}

/** What an add needs besides the spec. */
export type EnqueueRequest = {
  queue: string;
  /** How long the outcome can be read by its id, ms; absent: only the reply has it. */
  keepMs?: number | undefined;
  /** The batch that takes the outcome, instead of a reply. `sealed`: it takes no new jobs. */
  batch?: { name: string; index: number; sealed: boolean; keepMs?: number | undefined };
  /** The caller stops waiting. */
  signal?: AbortSignal | undefined;
  /** The job goes on when the caller has stopped waiting. */
  keep?: boolean | undefined;
  /**
   * Asked when the job has failed and this call is given its error: if so, the failed job is removed. Absent: it is kept,
   * as is one whose id or idempotency key others may ask for.
   */
  takesFailure?: () => boolean;
  /** No reply is wanted. */
  detached?: boolean | undefined;
  /** Names this enqueue. */
  enqueueKey?: string | undefined;
  /** The caller reads the outcome from the reply only, so none is kept for the id. */
  brief?: boolean;
  /**
   * One of a list: a URL that the workers would block ends as `blocked`, with its job, and does not stop the list.
   */
  listed?: boolean;
  /** What a fault calls the spec: `job spec [3]`. */
  what?: string;
};

/** Puts jobs on queues: validate, await the reply, add. */
export class Enqueuer {
  readonly #url: string;
  readonly #keys: Keys;
  readonly #queues: OpenQueues;
  readonly #replies: Replies;
  readonly #jobs: Jobs;
  readonly #known: KnownQueues;
  readonly #unserved: UnservedWatch;
  readonly #memory: MemoryWatch;
  readonly #adder: Adder;
  readonly #dedup: Dedup;
  readonly #dedupTtlMs: number;
  readonly #accepted: (job: AcceptedJob) => void;
  readonly #insist: boolean;

  constructor(parts: {
    url: string;
    keys: Keys;
    redis: Redis;
    queues: OpenQueues;
    replies: Replies;
    jobs: Jobs;
    known: KnownQueues;
    unserved: UnservedWatch;
    /** Null: this version of BullMQ is not known. */
    adds: Adds | null;
    dedupTtlMs: number;
    /** Called with each job that was added. */
    accepted: (job: AcceptedJob) => void;
    /** Calls wait while Redis is away, instead of failing. */
    insist: boolean;
  }) {
    this.#url = parts.url;
    this.#keys = parts.keys;
    this.#queues = parts.queues;
    this.#replies = parts.replies;
    this.#jobs = parts.jobs;
    this.#known = parts.known;
    this.#unserved = parts.unserved;
    this.#memory = new MemoryWatch(parts.redis, parts.url);
    this.#dedup = new Dedup(parts.redis, parts.keys);
    this.#dedupTtlMs = parts.dedupTtlMs;
    this.#accepted = parts.accepted;
    this.#insist = parts.insist;
    guardAdds(parts.redis);
    this.#adder = new Adder(parts.redis, parts.keys, parts.adds);
  }

  /**
   * @throws SluiceError SLUICE_INVALID_SPEC with every fault; SLUICE_POLICY_MISSING; SLUICE_BLOCKED;
   *   SLUICE_DUPLICATE_ID; SLUICE_KEY_REUSED; SLUICE_BACKLOG_FULL; SLUICE_BATCH_SEALED; SLUICE_REDIS_UNREACHABLE; SLUICE_REDIS_FULL
   */
  async add(input: Input, request: EnqueueRequest): Promise<Handle> {
    const { what = 'job spec' } = request;
    const given = typeof input === 'string' || input instanceof URL ? { url: input } : input;
    // Otherwise at once: what the caller changes later must not get into the job.
    const read = isUnread(given) ? await readBody(given) : given;
    const spec = plainSpec(read) ?? specOf(read, what);
    const now = Date.now();
    if (spec.deadline !== undefined && spec.deadline <= now) {
      const message = 'is in the past; give a later time, or leave it out';
      throw new SluiceError('SLUICE_INVALID_SPEC', `${what}: deadline: ${message}`, {
        faults: [fault(['deadline'], message)],
      });
    }
    const { signal } = request;
    const { deadline } = spec;
    try {
      return await bounded(this.#accept(spec, request, now, what), { signal, deadline });
    } catch (error) {
      throw backlogFull(error, request.queue, what) ?? redisFault(error, this.#url);
    }
  }

  async #accept(spec: NormalSpec, request: EnqueueRequest, now: number, what: string): Promise<Handle> {
    await this.#known.assertKnown(request.queue, what);
    if (request.listed !== true) await this.#known.assertAllowed(request.queue, spec.request.url, what);
    await this.#memory.assertRoom(spec.request.body?.length ?? 0);
    return await this.#put(spec, request, now, what);
  }

  async #put(spec: NormalSpec, request: EnqueueRequest, now: number, what: string): Promise<Handle> {
    const { queue, batch, enqueueKey, detached = false } = request;
    const { recordMs, keepMs } = retention(spec, request, this.#dedupTtlMs, now);
    const naming = { queue, spec, batch: batch?.name, recordMs, what };
    const named = await this.#dedup.claim(naming);
    const keyed = enqueueKey === undefined ? null : await this.#dedup.claimEnqueue(naming, enqueueKey);
    // A spec that names its job says itself which one it is.
    const claim = named ?? keyed;
    const id = claim?.id ?? randomUUID();
    const line = requestOf(spec.request);
    const client = { jobs: this.#jobs, replies: this.#replies };
    const handle = (existed: boolean, settled: (signal?: AbortSignal) => Promise<Settled>) => {
      const inTime = (signal?: AbortSignal) =>
        untilOverdue(client, { queue, id }, spec.deadline, settled(signal));
      return new Handle(queue, id, this.#jobs, inTime, { request: line, existed });
    };
    const watched = (existed: boolean) => handle(existed, (signal) => this.#replies.watch(queue, id, signal));
    if (claim?.known === true) return watched(true);
    if (batch?.sealed === true) throw batchSealed(batch.name);
    const job = toJob(spec, {
      id,
      now,
      ...(keepMs === undefined ? {} : { keepMs }),
      ...(batch === undefined && !detached && { replyTo: this.#replies.name }),
      ...(batch !== undefined && { batch: { name: batch.name, index: batch.index } }),
    });
    // Nobody waits for it any more, and nothing is there yet.
    request.signal?.throwIfAborted();
    using reply = batch === undefined && !detached ? this.#replies.expect(queue, id) : null;
    const place = {
      queue: this.#queues.get(queue),
      name: queue,
      keys: this.#keys,
      insist: () => this.#insist && !hasGone(request, spec),
    };
    const note =
      claim === null && batch === undefined
        ? null
        : { record: claim?.record, batch: batch?.name, batchKeepMs: batch?.keepMs };
    const added = await this.#adder.add(place, job, note, spec.deadline);
    if (added) this.#accepted({ id, queue, ...line });
    // It was accepted after all. One that others may have added is theirs.
    if (added && request.signal?.aborted === true && request.keep !== true)
      this.#jobs.cancel(queue, id).catch(() => {});
    if (!added || reply === null) return watched(!added);
    reply.accepted();
    const dueMs = job.opts.delay ?? 0;
    const { takesFailure } = claim === null ? request : {};
    const outcome = () => (takesFailure === undefined ? reply.outcome() : reply.received(takesFailure));
    return handle(false, () => this.#unserved.during(queue, id, dueMs, outcome()));
  }
}

function specOf(input: unknown, what: string): NormalSpec {
  return withTextType(validate(normalSpecSchema, input, 'SLUICE_INVALID_SPEC', what));
}

/** Whether its caller has stopped waiting for Redis. */
function hasGone({ signal }: EnqueueRequest, { deadline }: NormalSpec): boolean {
  return signal?.aborted === true || (deadline !== undefined && deadline <= Date.now());
}
