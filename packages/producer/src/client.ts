import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Redis } from 'ioredis';
import {
  type Keys,
  type RequestSpec,
  type StoredBody,
  type WorkerRecord,
  bindBatchScript,
  actorSchema,
  keysOf,
  sealScript,
  validate,
} from '@sluice/shared';
import { bindScript } from '@sluice/redis';
import { clientClosed } from './closed.ts';
import { Batch, type BatchClient } from './batch/batch.ts';
import { type Connections, disconnect } from './connection/connections.ts';
import type { Adds } from './enqueue/adds.ts';
import {
  type AddOne,
  type EnqueuedItem,
  type ManyOptions,
  enqueueMany,
  handlesOf,
} from './enqueue/enqueue-many.ts';
import { type EnqueueOptions, type EnqueueRequest, Enqueuer } from './enqueue/enqueue.ts';
import { defaultKeepMs, keepSchema } from './enqueue/to-job.ts';
import { durationOption } from './options.ts';
import type { DeadLetters } from './dead/dead-letters.ts';
import { Operations, type OperationParts } from './operations.ts';
import type { ApiKeys } from './keys/api-keys.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { Trail } from './audit/trail.ts';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type FetchClient, type FetchOptions, fetchJob } from './fetch.ts';
import { type GatherOptions, type Gatherable, type Gathered, failuresTaken, gatherJobs } from './gather.ts';
import { type Group, runGroup } from './group.ts';
import { Handle } from './handle.ts';
import { endOf } from './job-error.ts';
import type { Input, Specs } from './input.ts';
import { Jobs } from './jobs.ts';
import { liveWorkers } from './connection/workers.ts';
import { KnownQueues } from './enqueue/known-queues.ts';
import { UnservedWatch } from './enqueue/unserved.ts';
import { OpenQueues } from './connection/open-queues.ts';
import type { Policies } from './queues/policies.ts';
import type { Queues } from './queues/queues.ts';
import { Replies } from './replies/replies.ts';
import type { Reports, Warning } from './reports.ts';
import type { FetchResponse } from './response.ts';
import type { Parsed } from './schema.ts';
import type { Schedules } from './queues/schedules.ts';
import {
  Semaphore,
  type SemaphoreClient,
  type SemaphoreOptions,
  bindSemaphore,
} from './semaphore/semaphore.ts';
import type { StoredBodies } from './stored-bodies.ts';
import { type StreamItem, type StreamOptions, streamJobs } from './stream.ts';
import { Turns } from './semaphore/turns.ts';

/** The parts of a client. */
export type ClientParts = {
  connections: Connections;
  /** A connection of its own for replies: it blocks. */
  reader: Redis;
  bodies: StoredBodies;
  reports: Reports;
  prefix: string;
  queue: string;
  url: string;
  fetchDeadlineMs: number;
  dedupTtlMs: number;
  /** Null: each job is added by itself, because this BullMQ is not known, or Redis is a Cluster. */
  adds: Adds | null;
  actor: string;
};

/** The client of one process: enqueues jobs and awaits their outcomes. Made by `connect`. */
export class Sluice {
  readonly policies: Policies;
  readonly queues: Queues;
  /** Failed jobs: list, look at, send back, remove. */
  readonly dead: DeadLetters;
  /** Recurring fetches. */
  readonly schedules: Schedules;
  /** The API keys of the gateway's callers. */
  readonly keys: ApiKeys;
  /** Who changed what. */
  readonly audit: AuditLog;
  readonly #operations: OperationParts;
  readonly #queue: string;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #open: OpenQueues;
  readonly #replies: Replies;
  readonly #jobs: Jobs;
  readonly #enqueuer: Enqueuer;
  readonly #unserved: UnservedWatch;
  readonly #fetches: FetchClient;
  readonly #batches: BatchClient;
  readonly #semaphores: SemaphoreClient;
  readonly #reports: Reports;
  readonly #closing = new AbortController();
  #closed = false;

  constructor(parts: ClientParts) {
    const { connections, prefix, url } = parts;
    const { commands: redis, open } = connections;
    const keys = keysOf(prefix);
    this.#queue = parts.queue;
    this.#redis = redis;
    this.#keys = keys;
    this.#reports = parts.reports;
    this.#open = new OpenQueues(redis, prefix);
    const warn = (warning: Warning, about?: string) => parts.reports.warning(warning, about);
    const known = new KnownQueues(redis, keys);
    this.#operations = { redis, keys, open: this.#open, known, url, queue: parts.queue, warn };
    ({
      policies: this.policies,
      queues: this.queues,
      dead: this.dead,
      schedules: this.schedules,
      keys: this.keys,
      audit: this.audit,
    } = this.as(parts.actor));
    this.#replies = new Replies(randomUUID(), keys, connections, parts.reader, (job) =>
      parts.reports.settled(job),
    );
    this.#jobs = new Jobs(redis, keys, this.#open, parts.bodies);
    this.#unserved = new UnservedWatch(redis, keys, warn);
    this.#enqueuer = new Enqueuer({
      url,
      keys,
      redis,
      queues: this.#open,
      replies: this.#replies,
      jobs: this.#jobs,
      known,
      unserved: this.#unserved,
      adds: parts.adds,
      dedupTtlMs: parts.dedupTtlMs,
      accepted: (job) => parts.reports.accepted(job),
      insist: connections.whenDown === 'wait',
    });
    this.#fetches = {
      deadlineMs: parts.fetchDeadlineMs,
      add: (spec, queue, { signal, cancel }) => {
        const keep = cancel === false;
        const takesFailure = () => signal?.aborted !== true;
        return this.#add(spec, { queue, signal, keep, takesFailure });
      },
    };
    const closed = this.#closing.signal;
    this.#batches = {
      redis,
      keys,
      open,
      blockMs: connections.blockMs,
      closed,
      bodies: parts.bodies,
      seal: bindScript(redis, keys, sealScript),
      bind: bindScript(redis, keys, bindBatchScript),
    };
    const turns = new Turns(keys.turns, open);
    this.#semaphores = { keys, turns, closed, scripts: bindSemaphore(redis, keys) };
  }

  /**
   * Puts a job on the queue and returns at once (`create_task`): `enqueue(url, { method, json, … })`, as with fetch, or
   * `enqueue(spec)`. When it resolves, the job is accepted: it will be
   * performed, whichever process dies.
   * @throws SluiceError SLUICE_INVALID_SPEC with every fault; SLUICE_POLICY_MISSING for a queue that no worker serves;
   *   SLUICE_BLOCKED for an address that its policy does not allow; SLUICE_BACKLOG_FULL; SLUICE_WAIT_ABORTED;
   *   SLUICE_REDIS_UNREACHABLE; SLUICE_REDIS_FULL
   */
  async enqueue(url: string | URL, init?: RequestSpec & EnqueueOptions): Promise<Handle>;
  async enqueue(spec: Input, options?: EnqueueOptions): Promise<Handle>;
  async enqueue(input: Input, init: RequestSpec & EnqueueOptions = {}): Promise<Handle> {
    const { queue, keep, keepMs, signal, detached, enqueueKey, ...more } = init;
    const spec = typeof input === 'string' || input instanceof URL ? { url: input } : input;
    return await this.#add(
      { ...spec, ...more },
      this.#kept({ queue, keep, keepMs, signal, detached, enqueueKey }),
    );
  }

  /**
   * Puts many jobs on the queue, a bounded number of adds in flight, and yields a handle for each in input order.
   * Each spec is validated when its turn comes. A handle that is kept holds its outcome; if you want the results of a
   * long input, use `stream`. Nothing is enqueued until it is iterated.
   *
   * With `batch`, the outcomes are added to that batch, and this process need not stay for them. At the end of the
   * input the batch is sealed, unless `seal: false`. A process that dies before that can be started again: specs whose
   * `id` or `idempotencyKey` is already in the batch are not added twice. The batch is kept for `batchKeep` after its
   * last outcome (1 min to 7 days, the default).
   * With `settled: true` a fault of one spec is yielded in its place, and the others go on: SLUICE_INVALID_SPEC,
   * SLUICE_DUPLICATE_ID, SLUICE_BLOCKED. What concerns them all is thrown.
   * @throws SluiceError as `enqueue` does; SLUICE_BATCH_SEALED; SLUICE_BATCH_BOUND
   */
  enqueueMany(
    specs: Specs,
    options: ManyOptions & { settled: true },
  ): AsyncGenerator<EnqueuedItem, void, undefined>;
  enqueueMany(
    specs: Specs,
    options?: ManyOptions & { settled?: false | undefined },
  ): AsyncGenerator<Handle, void, undefined>;
  enqueueMany(
    specs: Specs,
    options: ManyOptions = {},
  ): AsyncGenerator<EnqueuedItem, void, undefined> | AsyncGenerator<Handle, void, undefined> {
    const { queue = this.#queue } = options;
    const batch = options.batch === undefined ? undefined : this.batch(options.batch);
    const add: AddOne = async (spec, what, position) =>
      await this.#add(spec, {
        ...this.#kept(options),
        listed: true,
        what,
        ...(position !== undefined && { batch: position }),
      });
    const items = enqueueMany(add, specs, batch, { ...options, queue });
    return options.settled === true ? items : handlesOf(items);
  }

  /** A named set of jobs, whichever process added them: its outcomes from a cursor on, and its progress. */
  batch(name: string): Batch {
    return new Batch(name, this.#batches);
  }

  /**
   * A section of the caller's code that at most `n` callers are in at once, over all processes that use this name.
   * @throws SluiceError SLUICE_INVALID_CONFIG
   */
  semaphore(name: string, n: number, options: SemaphoreOptions = {}): Semaphore {
    return new Semaphore(name, n, options, this.#semaphores);
  }

  /** A job by its id, whichever process enqueued it. */
  job(id: string, options: { queue?: string } = {}): Handle {
    const queue = options.queue ?? this.#queue;
    const settled = (signal?: AbortSignal) => this.#replies.watch(queue, id, signal);
    return new Handle(queue, id, this.#jobs, settled, { existed: true });
  }

  /** A stored body, named by an outcome (a response opens its own: `stream()`). @throws SluiceError SLUICE_BODY_STORE */
  async openBody(stored: StoredBody): Promise<Readable> {
    return await this.#jobs.bodies.open(stored);
  }

  /**
   * Enqueues and awaits, as if fetched here. Ends at its deadline even if no worker serves the queue. When its `signal`
   * aborts, the job is cancelled, unless `cancel: false`. With a `schema`, the JSON of a 2xx response is checked.
   * @throws JobError when the job ends without a response; SchemaError; SluiceError SLUICE_WAIT_ABORTED
   */
  async fetch<S extends StandardSchemaV1 | undefined = undefined>(
    url: string | URL,
    init: FetchOptions<S> = {},
  ): Promise<FetchResponse<Parsed<S>>> {
    const { queue = this.#queue, ...rest } = init;
    return await fetchJob(this.#fetches, url, queue, rest);
  }

  /**
   * Enqueues all and awaits all (`gather`): the responses in the order of a list, or under the names of a record. The
   * first failure is thrown and the other jobs go on; `{ settled: true }` gives every outcome instead
   * (`return_exceptions=True`). When `signal` aborts, the jobs are cancelled.
   * @throws JobError; SluiceError SLUICE_INVALID_SPEC, SLUICE_WAIT_ABORTED
   */
  async gather<const T extends Gatherable>(
    specs: T,
    options: GatherOptions & { settled: true },
  ): Promise<Gathered<T, PromiseSettledResult<FetchResponse>>>;
  async gather<const T extends Gatherable>(
    specs: T,
    options?: GatherOptions & { settled?: false | undefined },
  ): Promise<Gathered<T>>;
  async gather(specs: Gatherable, options: GatherOptions = {}): Promise<unknown> {
    const { queue = this.#queue } = options;
    const takesFailure = failuresTaken(options);
    return await gatherJobs(
      (spec, what) => this.#add(spec, { queue, listed: true, what, takesFailure }),
      specs,
      options,
    );
  }

  /** Enqueues specs and yields each as it ends (`as_completed`), in bounded memory. A failed job is yielded, too. */
  stream(
    specs: Specs,
    options: StreamOptions & { queue?: string } = {},
  ): AsyncGenerator<StreamItem, void, undefined> {
    const queue = options.queue ?? this.#queue;
    const enqueue = (spec: Input, index: number) =>
      this.#add(spec, { queue, brief: true, listed: true, what: `job spec [${index}]` });
    return streamJobs(
      {
        enqueue,
        withdraw: (handle) => this.#jobs.withdraw(queue, handle.id),
        end: (handle, settled) => endOf(settled, this.#jobs.bodies.opener, handle.name(settled)),
      },
      specs,
      options,
    );
  }

  /**
   * Jobs that succeed or fail together (`TaskGroup`): one failure, or a throw in the body, cancels the others
   * everywhere. Resolves to the body's value when all have ended. @throws AggregateError with every failure
   */
  async group<T>(body: (group: Group) => Promise<T>, options: { queue?: string } = {}): Promise<T> {
    const queue = options.queue ?? this.#queue;
    return await runGroup((spec) => this.#add(spec, { queue }), body);
  }

  /**
   * The same operations in the name of somebody else: their changes are his in the audit log. For a server whose callers
   * are not the process itself.
   * @param actor 1 to 100 letters, digits or `. _ : @ + -` @throws SluiceError SLUICE_INVALID_CONFIG
   */
  as(actor: string): Operations {
    validate(actorSchema, actor, 'SLUICE_INVALID_CONFIG', 'actor');
    const log = (message: string) => this.#reports.changed(message);
    return new Operations(this.#operations, new Trail(this.#redis, this.#keys, actor, log));
  }

  /**
   * The workers that are alive, the oldest first: each announces itself every 5 s, and is gone 15 s after it died, or at
   * once when it was stopped. Workers of 0.1 announce nothing.
   */
  async workers(): Promise<WorkerRecord[]> {
    return await liveWorkers(this.#redis, this.#keys);
  }

  /** Closes the connections. Jobs go on; results still awaited reject with SLUICE_CLOSED. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort();
    this.#reports.close();
    this.#jobs.close();
    this.#unserved.close();
    this.#semaphores.turns.close();
    await this.#replies.close();
    await this.#open.close();
    disconnect(this.#redis);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #kept(options: EnqueueOptions): EnqueueRequest {
    const keepMs = durationOption(keepSchema, options, ['keep', 'keepMs'], 'SLUICE_INVALID_SPEC');
    const { queue = this.#queue, signal, detached, enqueueKey } = options;
    return { queue, keepMs: keepMs ?? defaultKeepMs, signal, detached, enqueueKey };
  }

  async #add(spec: Input, request: EnqueueRequest): Promise<Handle> {
    if (this.#closed) throw clientClosed();
    return await this.#enqueuer.add(spec, request);
  }
}
