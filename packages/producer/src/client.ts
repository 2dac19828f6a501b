import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import {
  type JobSpec,
  type Keys,
  type PolicyInput,
  type Settled,
  SluiceError,
  defaultPrefix,
  keysOf,
  normalSpecSchema,
  openClient,
  prefixSchema,
  queueNameSchema,
  redisFault,
  redisUrlSchema,
  validate,
} from '@sluice/shared';
import { Handle } from './handle.ts';
import { Policies } from './policies.ts';
import { Queues } from './queues.ts';
import { Replies } from './replies.ts';
import type { FetchResponse } from './response.ts';
import { type StreamItem, type StreamOptions, streamJobs } from './stream.ts';
import { toJob } from './to-job.ts';
import { withdraw, withdrawnOutcome } from './withdraw.ts';

export type ConnectOptions = {
  /** Redis URL. Default `redis://127.0.0.1:6379`. */
  redis?: string;
  /** Key prefix shared with the workers. Default `{sluice}`. */
  prefix?: string;
  /** The queue of calls that name none. Default `default`. */
  queue?: string;
  /** Creates the policy of `queue` where there is none; one that differs is SLUICE_POLICY_CONFLICT. */
  policy?: PolicyInput;
  /** Short for `policy: { rate }`: `"100/60s"`. */
  rate?: PolicyInput['rate'];
};

export type EnqueueOptions = {
  /** Default: the client's. */
  queue?: string;
  /** How long the outcome can be read by its id, ms. Default 1 hour for `enqueue`; `fetch` and `stream` keep none. */
  keepMs?: number;
};

const defaultKeepMs = 3_600_000;

/** The entries that BullMQ keeps of its event stream, which nothing here reads. */
const eventsKept = 100;

/**
 * Connects to the Redis that the workers use.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_INVALID_CONFIG,
 *   SLUICE_INVALID_POLICY, SLUICE_POLICY_CONFLICT
 */
export async function connect(options: ConnectOptions = {}): Promise<Sluice> {
  const what = 'the options of connect() have faults';
  const url = validate(
    redisUrlSchema,
    options.redis ?? 'redis://127.0.0.1:6379',
    'SLUICE_INVALID_CONFIG',
    what,
  );
  const prefix = validate(prefixSchema, options.prefix ?? defaultPrefix, 'SLUICE_INVALID_CONFIG', what);
  const queue = validate(queueNameSchema, options.queue ?? 'default', 'SLUICE_INVALID_CONFIG', what);
  const commands = await openClient(
    url,
    (target, base) => new Redis(target, { ...base, enableAutoPipelining: true }),
  );
  await defineBullCommands(commands, prefix, queue);
  const reader = await openClient(url, (target, base) => new Redis(target, base));
  const sluice = new Sluice({ commands, reader, prefix, queue, url });
  const policy = options.rate === undefined ? options.policy : { ...options.policy, rate: options.rate };
  try {
    if (policy !== undefined) await sluice.policies.create(queue, policy);
    return sluice;
  } catch (error) {
    await sluice.close();
    throw error;
  }
}

/**
 * Makes BullMQ's scripts known to the client, before its first pipeline: ioredis adds every command of one tick to a
 * pipeline that knows only the scripts that were there when it was begun, and an unknown one ends the process
 * (`results[i] is not iterable`).
 */
async function defineBullCommands(redis: Redis, prefix: string, name: string): Promise<void> {
  const queue = new Queue(name, { connection: redis, prefix, skipVersionCheck: true, skipMetasUpdate: true });
  queue.on('error', () => {});
  await queue.waitUntilReady();
  await queue.close();
}

/** The client of one process: enqueues jobs and awaits their outcomes. Made by `connect`. */
export class Sluice {
  readonly policies: Policies;
  readonly queues: Queues;
  readonly #url: string;
  readonly #prefix: string;
  readonly #queue: string;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #replies: Replies;
  readonly #opened = new Map<string, Queue>();
  #closed = false;

  constructor(parts: { commands: Redis; reader: Redis; prefix: string; queue: string; url: string }) {
    this.#url = parts.url;
    this.#prefix = parts.prefix;
    this.#queue = parts.queue;
    this.#redis = parts.commands;
    this.#keys = keysOf(parts.prefix);
    this.policies = new Policies(parts.commands, this.#keys);
    this.queues = new Queues(parts.commands, this.#keys, this.policies, (name) => this.#open(name));
    this.#replies = new Replies(randomUUID(), this.#keys, parts.commands, parts.reader);
  }

  /**
   * Puts a job on the queue and returns at once (`create_task`). When it resolves, the job is accepted: it will be
   * performed, whatever dies.
   * @throws SluiceError SLUICE_INVALID_SPEC with every fault; SLUICE_REDIS_UNREACHABLE; SLUICE_REDIS_FULL
   */
  async enqueue(spec: string | JobSpec, options: EnqueueOptions = {}): Promise<Handle> {
    return await this.#enqueue(
      spec,
      options.queue ?? this.#queue,
      options.keepMs ?? defaultKeepMs,
      'job spec',
    );
  }

  /**
   * Puts many jobs on the queue, a bounded number of adds in flight, and yields a handle for each in input order.
   * Each spec is validated as it is reached. A handle that is kept holds its outcome; for long inputs whose results
   * are wanted, use `stream`.
   */
  async *enqueueMany(
    specs: Iterable<string | JobSpec> | AsyncIterable<string | JobSpec>,
    options: EnqueueOptions = {},
  ): AsyncGenerator<Handle, void, undefined> {
    const inFlight: Promise<Handle>[] = [];
    let index = 0;
    for await (const spec of specs) {
      const add = this.#enqueue(
        spec,
        options.queue ?? this.#queue,
        options.keepMs ?? defaultKeepMs,
        `job spec [${index++}]`,
      );
      add.catch(() => {}); // thrown below, when its turn comes
      inFlight.push(add);
      if (inFlight.length >= 200) yield await inFlight.shift()!;
    }
    for (const add of inFlight) yield await add;
  }

  /** Enqueues and awaits, as if fetched here. @throws JobError when the job ends without a response */
  async fetch(url: string, init: Omit<JobSpec, 'url'> & { queue?: string } = {}): Promise<FetchResponse> {
    const { queue = this.#queue, ...spec } = init;
    const handle = await this.#enqueue({ ...spec, url }, queue, undefined, 'job spec');
    return await handle.result();
  }

  /** Enqueues specs and yields each as it ends (`as_completed`), in bounded memory. A failed job is yielded, too. */
  stream(
    specs: Iterable<string | JobSpec> | AsyncIterable<string | JobSpec>,
    options: StreamOptions & { queue?: string } = {},
  ): AsyncGenerator<StreamItem, void, undefined> {
    const queue = options.queue ?? this.#queue;
    return streamJobs(
      {
        enqueue: (spec, index) => this.#enqueue(spec, queue, undefined, `job spec [${index}]`),
        withdraw: async (handle) => {
          if (!(await withdraw(this.#open(queue), handle.id))) return;
          this.#replies.deliver(queue, handle.id, {
            outcome: withdrawnOutcome(Date.now()),
            body: new Uint8Array(),
          });
        },
      },
      specs,
      options,
    );
  }

  /** Requests sent and refused (429, 503 with a hold) on a queue since it was created. */
  async stats(queue = this.#queue): Promise<{ sent: number; refused: number }> {
    const [sent, refused] = await this.#redis.hmget(this.#keys.stats(queue), 'sent', 'refused');
    return { sent: Number(sent ?? 0), refused: Number(refused ?? 0) };
  }

  /** Removes a queue with its policy and every job in it. Outcomes that are kept stay until their TTL. */
  async removeQueue(queue: string): Promise<void> {
    const keys = this.#keys;
    await this.#redis.hdel(keys.queues, queue);
    await this.#open(queue).obliterate({ force: true });
    const own = [keys.policy, keys.pace, keys.holds, keys.stats, keys.flow, keys.deadlines, keys.putOff];
    // The limiter is BullMQ's, which leaves it: for as long as the window or a hold lasts, hours maybe.
    await this.#redis.unlink(...own.map((key) => key(queue)), keys.bull(queue).limiter);
  }

  /** Closes the connections. Jobs go on; results still awaited reject with SLUICE_CLOSED. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#replies.close();
    await Promise.all([...this.#opened.values()].map((queue) => queue.close()));
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #enqueue(
    input: string | JobSpec,
    queue: string,
    keepMs: number | undefined,
    what: string,
  ): Promise<Handle> {
    if (this.#closed) throw new SluiceError('SLUICE_CLOSED', 'the client is closed; connect again');
    const given = typeof input === 'string' ? { url: input } : input;
    const spec = validate(normalSpecSchema, given, 'SLUICE_INVALID_SPEC', what);
    const id = spec.id ?? randomUUID();
    const job = toJob(spec, {
      id,
      replyTo: this.#replies.name,
      now: Date.now(),
      ...(keepMs === undefined ? {} : { keepMs }),
    });
    const settled: Promise<Settled> = this.#replies.expect(queue, id);
    try {
      // Before the job: a deadline without a job is dropped by the sweep, a job without its deadline could wait for ever.
      if (spec.deadline !== undefined) await this.#redis.zadd(this.#keys.deadlines(queue), spec.deadline, id);
      await this.#open(queue).add(job.name, job.data, job.opts);
    } catch (error) {
      this.#replies.forget(queue, id);
      throw redisFault(error, this.#url);
    }
    return new Handle(queue, id, settled);
  }

  #open(name: string): Queue {
    let queue = this.#opened.get(name);
    if (queue === undefined) {
      validate(queueNameSchema, name, 'SLUICE_INVALID_SPEC', `queue "${name}"`);
      queue = new Queue(name, {
        connection: this.#redis,
        prefix: this.#prefix,
        skipVersionCheck: true,
        streams: { events: { maxLen: eventsKept } },
      });
      // Without a listener a lost connection would be an uncaught exception; the client reconnects by itself.
      queue.on('error', () => {});
      this.#opened.set(name, queue);
    }
    return queue;
  }
}
