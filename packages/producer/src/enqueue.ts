import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type JobSpec, type Keys, SluiceError, normalSpecSchema, redisFault, validate } from '@sluice/shared';
import { Handle } from './handle.ts';
import type { Jobs } from './jobs.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { OpenQueues } from './open-queues.ts';
import type { Replies } from './replies.ts';
import { toJob } from './to-job.ts';

/** What an add needs besides the spec. */
export type EnqueueRequest = {
  queue: string;
  /** How long the outcome can be read by its id, ms; absent: only the reply has it. */
  keepMs?: number | undefined;
  batch?: { name: string; index: number };
  /** How the spec is called in a fault: `job spec [3]`. */
  what?: string;
};

/** Puts jobs on queues: validate, await the reply, add. */
export class Enqueuer {
  readonly #url: string;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #queues: OpenQueues;
  readonly #replies: Replies;
  readonly #jobs: Jobs;
  readonly #memory: MemoryWatch;

  constructor(parts: {
    url: string;
    keys: Keys;
    redis: Redis;
    queues: OpenQueues;
    replies: Replies;
    jobs: Jobs;
  }) {
    this.#url = parts.url;
    this.#keys = parts.keys;
    this.#redis = parts.redis;
    this.#queues = parts.queues;
    this.#replies = parts.replies;
    this.#jobs = parts.jobs;
    this.#memory = new MemoryWatch(parts.redis, parts.url);
  }

  /** @throws SluiceError SLUICE_INVALID_SPEC with every fault; SLUICE_REDIS_UNREACHABLE; SLUICE_REDIS_FULL */
  async add(input: string | JobSpec, request: EnqueueRequest): Promise<Handle> {
    const { queue, keepMs, batch, what = 'job spec' } = request;
    const given = typeof input === 'string' ? { url: input } : input;
    const spec = validate(normalSpecSchema, given, 'SLUICE_INVALID_SPEC', what);
    const now = Date.now();
    if (spec.deadline !== undefined && spec.deadline <= now) {
      const message = 'is in the past; give a later time, in epoch ms, or leave it out';
      throw new SluiceError('SLUICE_INVALID_SPEC', `${what}: deadline: ${message}`, {
        faults: [{ path: 'deadline', message }],
      });
    }
    await this.#memory.assertRoom();
    const id = spec.id ?? randomUUID();
    const job = toJob(spec, {
      id,
      replyTo: this.#replies.name,
      now,
      ...(keepMs === undefined ? {} : { keepMs }),
      ...(batch === undefined ? {} : { batch }),
    });
    const settled = this.#replies.expect(queue, id);
    try {
      // Before the job: a deadline without a job is dropped by the sweep, a job without its deadline could wait for ever.
      if (spec.deadline !== undefined) await this.#redis.zadd(this.#keys.deadlines(queue), spec.deadline, id);
      await this.#queues.get(queue).add(job.name, job.data, job.opts);
    } catch (error) {
      this.#replies.forget(queue, id);
      throw redisFault(error, this.#url);
    }
    return new Handle(queue, id, this.#jobs, () => settled);
  }
}
