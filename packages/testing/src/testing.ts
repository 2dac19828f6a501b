import { randomUUID } from 'node:crypto';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type Duration,
  type NormalSpec,
  type PolicyInput,
  type RequestSpec,
  type Settled,
  SluiceError,
  type Time,
  judgeLiteral,
  normalSpecSchema,
  parseDuration,
  policySchema,
  validate,
  withNamed,
} from '@sluice/shared';
import type {
  Batch,
  ApiKeys,
  AuditLog,
  DeadLetters,
  EnqueueOptions,
  EnqueuedItem,
  FetchOptions,
  FetchResponse,
  GatherOptions,
  Group,
  Input,
  ManyOptions,
  Operations,
  Policies,
  PolicyUpdate,
  Queues,
  Schedules,
  Sluice,
  Specs,
  StreamItem,
  StreamOptions,
} from '@sluice/producer';
import {
  type AddOne,
  type EnqueueRequest,
  Handle,
  type Jobs,
  type Gatherable,
  type Gathered,
  clientClosed,
  conflicts,
  endOf,
  enqueueMany,
  handlesOf,
  failuresTaken,
  fetchJob,
  gatherJobs,
  isUnread,
  nameOf,
  payloadOf,
  policyMissing,
  readBody,
  requestOf,
  runGroup,
  streamJobs,
  toJob,
  waitAborted,
  withTextType,
} from '@sluice/producer/for-testing';
import type { TestClock } from './clock.ts';
import { Lane } from './lane.ts';
import { MemoryBatch } from './memory-batch.ts';
import { MemoryFleet, type MemoryJob } from './memory-fleet.ts';
import { partial, unsupported } from './unsupported.ts';
import type { Upstream } from './upstream.ts';

/** What a test says about its fleet. */
export interface TestingOptions {
  /** Answers every request. Must be given. */
  upstream: Upstream;
  /** The queue for calls that name none. Default `default`. It always has a policy. */
  queue?: string | undefined;
  /** The policy of `queue`. Default: that of a queue without one field. */
  policy?: PolicyInput | undefined;
  /** Short for `policy: { rate }`. */
  rate?: PolicyInput['rate'];
  /**
   * `auto` (default): when nothing else can happen, time moves on to what comes next, so a backoff of an hour takes no
   * time. `manual`: time stands still until `clock.advance`.
   */
  clock?: 'auto' | 'manual' | undefined;
  /** The jitter of backoffs, in [0, 1). Default `Math.random`. */
  random?: (() => number) | undefined;
  /** Deadline of a `fetch` that gives none. Default `"15m"`. */
  fetchDeadline?: Duration | undefined;
}

const noBodies = () => {
  throw unsupported('body store');
};

/** What `connect` gives, over memory. Made by `testing`. */
export class TestSluice implements Pick<Sluice, keyof Sluice> {
  /** The time of the jobs. */
  readonly clock: TestClock;
  readonly policies: Policies;
  readonly queues: Queues;
  readonly dead: DeadLetters;
  readonly schedules: Schedules;
  readonly keys: ApiKeys;
  readonly audit: AuditLog;
  readonly #fleet: MemoryFleet;
  readonly #queue: string;
  readonly #deadlineMs: number;
  readonly #batches = new Map<string, MemoryBatch>();
  /** Ids and idempotency keys, and what was sent under them. */
  readonly #records = new Map<string, { payload: string; id: string }>();
  readonly #received = new Map<MemoryJob, () => boolean>();
  readonly #jobs: Jobs;
  #isClosed = false;

  /** @throws SluiceError SLUICE_INVALID_POLICY, SLUICE_INVALID_CONFIG */
  constructor(options: TestingOptions) {
    const { queue = 'default', policy = {}, rate, clock = 'auto', random = Math.random } = options;
    this.#queue = queue;
    const { fetchDeadline = '15m' } = options;
    this.#deadlineMs =
      typeof fetchDeadline === 'number' ? fetchDeadline : (parseDuration(fetchDeadline) ?? Number.NaN);
    if (!(this.#deadlineMs > 0)) {
      throw new SluiceError('SLUICE_INVALID_CONFIG', `fetchDeadline: "${fetchDeadline}" is not a duration`);
    }
    const fleet = new MemoryFleet(options.upstream, clock === 'auto', random, (job, end) => {
      const { batch } = job.envelope;
      if (batch !== undefined) this.#batches.get(batch.name)!.ended(job.id, batch.index, end);
    });
    this.#fleet = fleet;
    this.clock = fleet.clock;
    this.#set(queue, rate === undefined ? policy : { ...policy, rate });
    this.policies = this.#policiesPart();
    this.queues = partial<Queues>('queues', {
      list: async () => [...fleet.lanes.keys()].sort(),
      pause: async (name) => void (this.#lane(name).isPaused = true),
      resume: async (name) => {
        this.#lane(name).isPaused = false;
        fleet.wake();
      },
    });
    this.dead = partial<DeadLetters>('dead', {
      list: async (name) => {
        const letters = [...fleet.dead.values()].filter((letter) => letter.queue === name).toReversed();
        return { letters, cursor: null, examined: letters.length };
      },
      redrive: async (name, which) => {
        const ids = typeof which === 'string' ? [which] : Array.isArray(which) ? which : null;
        if (ids === null) throw unsupported('redrive of a selection');
        const skipped = ids.filter((id: string) => !fleet.redrive(name, id));
        return { redriven: ids.length - skipped.length, skipped, ambiguous: [] };
      },
    });
    this.schedules = partial<Schedules>('schedules', {});
    this.keys = partial<ApiKeys>('keys', {});
    this.audit = partial<AuditLog>('audit', {});
    this.#jobs = partial<Jobs>('handle', {
      bodies: { opener: noBodies } as unknown as Jobs['bodies'],
      status: async (name, id) => fleet.status(name, id),
      cancel: async (name, id) => fleet.cancel(name, id),
      requestOf: async (name, id) => {
        const job = fleet.job(name, id);
        return job === undefined ? undefined : requestOf(job.envelope.req);
      },
    });
  }

  async enqueue(url: string | URL, init?: RequestSpec & EnqueueOptions): Promise<Handle>;
  async enqueue(spec: Input, options?: EnqueueOptions): Promise<Handle>;
  async enqueue(input: Input, init: RequestSpec & EnqueueOptions = {}): Promise<Handle> {
    const {
      queue = this.#queue,
      keep: _keep,
      keepMs: _keepMs,
      detached: _detached,
      enqueueKey,
      signal,
      ...more
    } = init;
    if (enqueueKey !== undefined) throw unsupported('enqueueKey');
    const spec = typeof input === 'string' || input instanceof URL ? { url: input } : input;
    return await this.#add({ ...spec, ...more }, { queue, signal });
  }

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
    const { queue = this.#queue, signal } = options;
    const batch = options.batch === undefined ? undefined : this.batch(options.batch);
    const add: AddOne = (spec, what, position) =>
      this.#add(spec, { queue, signal, listed: true, what, ...(position && { batch: position }) });
    const items = enqueueMany(add, specs, batch, { ...options, queue });
    return options.settled === true ? items : handlesOf(items);
  }

  batch(name: string): Batch {
    const batch = this.#batches.get(name) ?? new MemoryBatch();
    this.#batches.set(name, batch);
    return batch.as(name, (id, settled) => {
      const job = [...this.#fleet.lanes.keys()].map((queue) => this.#fleet.job(queue, id)).find(Boolean);
      return nameOf({ id, queue: job?.queue, batch: name, ...(job && requestOf(job.envelope.req)) }, settled);
    });
  }

  job(id: string, { queue = this.#queue }: { queue?: string } = {}): Handle {
    return new Handle(queue, id, this.#jobs, () => this.#settled(queue, id), { existed: true });
  }

  async fetch<S extends StandardSchemaV1 | undefined = undefined>(
    url: string | URL,
    init: FetchOptions<S> = {},
  ): ReturnType<typeof fetchJob<S>> {
    const { queue = this.#queue, ...rest } = init;
    const deadline = rest.deadline ?? this.clock.now() + this.#deadlineMs;
    const client = {
      deadlineMs: this.#deadlineMs,
      add: (spec: Input, name: string, { signal, cancel }: { signal?: AbortSignal; cancel?: boolean }) => {
        const takesFailure = () => signal?.aborted !== true;
        return this.#add(spec, { queue: name, signal, keep: cancel === false, takesFailure });
      },
    };
    return await fetchJob<S>(client as Parameters<typeof fetchJob>[0], url, queue, { ...rest, deadline });
  }

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
    const add: AddOne = (spec, what) => this.#add(spec, { queue, listed: true, what, takesFailure });
    return await gatherJobs(add, specs, options);
  }

  stream(
    specs: Specs,
    options: StreamOptions & { queue?: string } = {},
  ): AsyncGenerator<StreamItem, void, undefined> {
    const { queue = this.#queue } = options;
    return streamJobs(
      {
        enqueue: (spec, index) => this.#add(spec, { queue, listed: true, what: `job spec [${index}]` }),
        withdraw: async (handle) => this.#fleet.cancel(queue, handle.id, true),
        end: (handle, settled) => endOf(settled, noBodies, handle.name(settled)),
      },
      specs,
      options,
    );
  }

  async group<T>(body: (group: Group) => Promise<T>, { queue = this.#queue } = {}): Promise<T> {
    return await runGroup((spec) => this.#add(spec, { queue }), body);
  }

  semaphore(): never {
    throw unsupported('semaphores');
  }

  async openBody(): Promise<never> {
    throw unsupported('body store');
  }

  as(_actor: string): Operations {
    throw unsupported('audit log');
  }

  async workers(): Promise<never> {
    throw unsupported('workers to list');
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#fleet.close(clientClosed());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #policiesPart(): Policies {
    const { lanes } = this.#fleet;
    return partial<Policies>('policies', {
      read: async (name) => lanes.get(name)?.policy ?? null,
      set: async (name, input) => this.#set(name, input),
      ensure: async (name, input, onConflict) => {
        const before = lanes.get(name)?.policy;
        if (before === undefined) return this.#set(name, input);
        const list = conflicts(before, input);
        if (list.length === 0) return 'same';
        if (onConflict === 'replace') return this.#set(name, withNamed(before, input));
        if (onConflict === 'keep') return 'same';
        const message = `queue "${name}" has another policy than this program names (${list.join('; ')})`;
        throw new SluiceError('SLUICE_POLICY_CONFLICT', message);
      },
      update: async (name, make): Promise<PolicyUpdate> => {
        const before = lanes.get(name)?.policy ?? null;
        const change = this.#set(name, make(before));
        return { change, before, after: this.#lane(name).policy };
      },
    });
  }

  #set(name: string, input: PolicyInput): 'created' | 'changed' | 'same' {
    const policy = validate(policySchema, input, 'SLUICE_INVALID_POLICY', `policy of queue "${name}"`);
    if (policy.store !== null) throw unsupported('body store');
    if (policy.maxBacklog !== null) throw unsupported('maxBacklog');
    if (policy.retryIf !== undefined) throw unsupported('retryIf');
    const lane = this.#fleet.lanes.get(name);
    if (lane === undefined) {
      this.#fleet.lanes.set(name, new Lane(policy));
      return 'created';
    }
    const isSame = JSON.stringify(lane.policy) === JSON.stringify(policy);
    lane.policy = policy;
    this.#fleet.wake();
    return isSame ? 'same' : 'changed';
  }

  #lane(name: string, what = ''): Lane {
    const lane = this.#fleet.lanes.get(name);
    if (lane === undefined) throw policyMissing(name, this.#fleet.lanes.keys(), what);
    return lane;
  }

  async #settled(queue: string, id: string): Promise<Settled> {
    const job = this.#fleet.job(queue, id);
    if (job === undefined) {
      const message = `there is no job "${id}", or its outcome is no longer kept`;
      throw new SluiceError('SLUICE_RESULT_EXPIRED', message);
    }
    const end = await job.settled.promise;
    // The caller has the error: the job is no dead letter.
    const takes = this.#received.get(job);
    if (takes !== undefined && end.outcome.kind !== 'response' && takes()) {
      this.#fleet.dead.delete(`${queue}/${id}`);
    }
    return end;
  }

  /** Times from now on are counted on the clock of the test. */
  #timed<T extends { deadline?: Time | undefined; runAt?: Time | undefined }>(spec: T): T {
    const shifted = (time: Time | undefined) => {
      const ms = typeof time === 'string' ? parseDuration(time) : null;
      return ms === null ? time : this.clock.now() + ms;
    };
    return {
      ...spec,
      ...(spec.deadline !== undefined && { deadline: shifted(spec.deadline) }),
      ...(spec.runAt !== undefined && { runAt: shifted(spec.runAt) }),
    };
  }

  async #add(input: Input, request: EnqueueRequest): Promise<Handle> {
    if (this.#isClosed) throw clientClosed();
    const { what = 'job spec', queue, batch, signal } = request;
    const given = typeof input === 'string' || input instanceof URL ? { url: input } : input;
    const read = isUnread(given) ? await readBody(given) : this.#timed(given);
    const spec = withTextType(validate(normalSpecSchema, read, 'SLUICE_INVALID_SPEC', what));
    if (spec.transform !== undefined) throw unsupported('transforms');
    const { policy } = this.#lane(queue, what);
    const judged = judgeLiteral(spec.request.url, policy.egress);
    if (request.listed !== true && !judged.ok) {
      throw new SluiceError('SLUICE_BLOCKED', `${what}: url: ${judged.reason}`);
    }
    if (signal?.aborted === true) throw waitAborted(signal, 'stopped before the job was enqueued');
    const { id, isKnown } = this.#claim(spec, queue, batch?.name, what);
    const line = requestOf(spec.request);
    const handle = new Handle(queue, id, this.#jobs, () => this.#settled(queue, id), {
      ...(line !== undefined && { request: line }),
      existed: isKnown,
    });
    if (isKnown) return handle;
    if (batch?.sealed === true || (batch !== undefined && this.#batches.get(batch.name)?.isSealed === true)) {
      throw new SluiceError('SLUICE_BATCH_SEALED', `batch "${batch.name}" is sealed; use another name`);
    }
    const now = this.clock.now();
    const place = batch === undefined ? {} : { batch: { name: batch.name, index: batch.index } };
    const { data, opts } = toJob(spec, { id, now, ...place });
    if (batch !== undefined) this.#batches.get(batch.name)!.added();
    const job = this.#fleet.add({
      id,
      queue,
      envelope: data,
      priority: opts.priority ?? 0,
      due: now + (opts.delay ?? 0),
    });
    const isNamed = spec.id !== undefined || spec.idempotencyKey !== undefined;
    if (request.takesFailure !== undefined && !isNamed && policy.keepFailed.awaited !== true) {
      this.#received.set(job, request.takesFailure);
    }
    return handle;
  }

  /** The same id or key with the same payload is the same job. */
  #claim(
    spec: NormalSpec,
    queue: string,
    batch: string | undefined,
    what: string,
  ): { id: string; isKnown: boolean } {
    const kind = spec.id === undefined ? 'idempotencyKey' : 'id';
    const name = spec[kind];
    if (name === undefined) return { id: randomUUID(), isKnown: false };
    const key = JSON.stringify([queue, kind, name]);
    const payload = payloadOf(spec.request, spec.transform, batch);
    const record = this.#records.get(key);
    if (record === undefined) {
      const id = spec.id ?? randomUUID();
      this.#records.set(key, { payload, id });
      return { id, isKnown: false };
    }
    if (record.payload === payload) return { id: record.id, isKnown: true };
    const message = `${what}: ${kind} "${name}" is taken by a job with another payload`;
    throw new SluiceError('SLUICE_DUPLICATE_ID', message);
  }
}

/**
 * A client that needs neither Redis nor a worker, for the tests of code that uses Sluice:
 * `await using sluice = testing({ upstream: () => ({ json: { ok: true } }) })`. It has the interface of `connect()`, checks
 * specs and policies with the same schemas, and decides by the same code what is retried and when. What it does not have
 * throws SLUICE_TESTING_UNSUPPORTED.
 * @throws SluiceError SLUICE_INVALID_POLICY
 */
export function testing(options: TestingOptions): TestSluice {
  return new TestSluice(options);
}
