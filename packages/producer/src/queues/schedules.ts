import { type JobSchedulerJson, type RepeatOptions, getNextMillis } from 'bullmq';
import { z } from 'zod';
import {
  type Duration,
  type HttpRequest,
  type JobSpec,
  SluiceError,
  fault,
  duration,
  envelopeSchema,
  jobSpecSchema,
  normalSpecSchema,
  queueNameSchema,
  validate,
  withoutQuery,
} from '@sluice/shared';
import { redisFault } from '@sluice/redis';
import type { Trail } from '../audit/trail.ts';
import type { OpenQueues } from '../connection/open-queues.ts';
import type { KnownQueues } from '../enqueue/known-queues.ts';
import { isUnread, readBody, withTextType } from '../enqueue/read-body.ts';
import { defaultKeepMs, keepSchema, toJob } from '../enqueue/to-job.ts';
import { durationOption } from '../options.ts';

/** When the jobs of a schedule are due: at even intervals, the first one now, or by a cron pattern. */
export type When =
  | {
      /** `"1h"`, or ms. 100 ms to 366 days. */
      every: Duration;
    }
  | {
      /** Five fields, or six with seconds first: `"0 * * * *"`. */
      cron: string;
      /** The time zone of the pattern, `"Europe/Berlin"`. Default UTC, wherever workers run. */
      tz?: string;
    };

/** What each job of a schedule is: a spec without what belongs to one job only. */
export interface RecurringSpec extends Omit<JobSpec, keyof typeof oneJobOnly> {}

export interface ScheduleOptions {
  /** Default: the client's. */
  queue?: string | undefined;
  /** How long the outcome of each job can be read by its id: `"1h"`, or ms. 1 ms to 366 days. Default 1 hour. */
  keep?: Duration | undefined;
  /** @deprecated `keep`. ms */
  keepMs?: number | undefined;
}

export type Schedule = {
  name: string;
  /** ms; null: by cron. */
  every: number | null;
  cron: string | null;
  tz: string | null;
  request: HttpRequest;
  /** The job that is due next or already waits: its id, and when it is due, epoch ms. */
  next: { id: string; at: number };
};

const day = 86_400_000;

const everySchema = z.strictObject({ every: duration({ min: 100, max: 366 * day }) });
const cronSchema = z.strictObject({
  cron: z
    .string()
    .regex(/^\S+(\s+\S+){4,5}$/, 'must be a cron pattern of five fields, or six with seconds first'),
  tz: z.string().min(1).default('UTC'),
});

const oneJobOnly = {
  id: true,
  idempotencyKey: true,
  deadline: true,
  delay: true,
  delayMs: true,
  runAt: true,
} as const;
const recurringSchema = jobSpecSchema.omit(oneJobOnly);

/**
 * Recurring fetches, kept in Redis beside their queue (BullMQ's job schedulers); no process has to stay for them. The
 * next job is made when a worker takes the one before. So a queue that is held or behind has at most one waiting job of
 * a schedule, and missed ones are not made up for.
 */
export class Schedules {
  readonly #url: string;
  readonly #queue: string;
  readonly #queues: OpenQueues;
  readonly #known: KnownQueues;
  readonly #trail: Trail;

  /** @param parts `queue`: for calls that name none */
  constructor(parts: { url: string; queue: string; queues: OpenQueues; known: KnownQueues; trail: Trail }) {
    this.#url = parts.url;
    this.#queue = parts.queue;
    this.#queues = parts.queues;
    this.#known = parts.known;
    this.#trail = parts.trail;
  }

  /**
   * Creates a schedule, or changes the one with this name: its waiting job is replaced.
   * @throws SluiceError SLUICE_INVALID_SPEC with every fault; SLUICE_POLICY_MISSING; SLUICE_BLOCKED;
   *   SLUICE_REDIS_UNREACHABLE
   */
  async upsert(
    name: string,
    when: When,
    input: string | URL | RecurringSpec,
    options: ScheduleOptions = {},
  ): Promise<void> {
    const what = `schedule "${name}"`;
    validate(queueNameSchema, name, 'SLUICE_INVALID_SPEC', what);
    const { queue = this.#queue } = options;
    const keepMs =
      durationOption(keepSchema, options, ['keep', 'keepMs'], 'SLUICE_INVALID_SPEC') ?? defaultKeepMs;
    const repeat = repeatOf(when, what);
    const given = typeof input === 'string' || input instanceof URL ? { url: input } : input;
    const read = isUnread(given) ? await readBody(given) : given;
    validate(recurringSchema, read, 'SLUICE_INVALID_SPEC', what);
    const spec = withTextType(validate(normalSpecSchema, read, 'SLUICE_INVALID_SPEC', what));
    const { name: type, data, opts } = toJob(spec, { id: '', now: Date.now(), keepMs });
    // BullMQ gives each job its id: repeat:NAME:TIME.
    const { jobId: _, ...template } = opts;
    await this.#ask(async () => {
      await this.#known.assertKnown(queue, what);
      await this.#known.assertAllowed(queue, spec.request.url, what);
      const before = await this.#told(queue, name);
      const after = told({
        every: repeat.every ?? null,
        cron: repeat.pattern ?? null,
        tz: repeat.tz ?? null,
        request: spec.request,
      });
      await this.#trail.note('schedule.set', { queue, subject: name, before, after });
      await this.#queues.get(queue).upsertJobScheduler(name, repeat, { name: type, data, opts: template });
    });
  }

  /** The schedules of a queue, by the time of their next job. */
  async list({ queue = this.#queue }: { queue?: string } = {}): Promise<Schedule[]> {
    const schedulers = await this.#ask(() => this.#queues.get(queue).getJobSchedulers(0, -1, true));
    return schedulers.flatMap((scheduler) => scheduleOf(scheduler) ?? []);
  }

  /** Ends a schedule. Its waiting job is removed; an active one goes on. @returns false when there is none */
  async remove(name: string, { queue = this.#queue }: { queue?: string } = {}): Promise<boolean> {
    return await this.#ask(async () => {
      const open = this.#queues.get(queue);
      const scheduler = await open.getJobScheduler(name);
      const before = await this.#told(queue, name);
      if (before !== undefined) await this.#trail.note('schedule.remove', { queue, subject: name, before });
      const removed = await open.removeJobScheduler(name);
      // BullMQ removes the next job only while it is not due yet.
      if (scheduler?.next !== undefined) await open.remove(`repeat:${name}:${scheduler.next}`).catch(() => 0);
      return removed;
    });
  }

  async #told(queue: string, name: string): Promise<object | undefined> {
    const scheduler = await this.#queues.get(queue).getJobScheduler(name);
    const schedule = scheduler === undefined ? null : scheduleOf(scheduler);
    return schedule === null ? undefined : told(schedule);
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw redisFault(error, this.#url);
    }
  }
}

/** Null for what is not ours: somebody else's scheduler on the same BullMQ queue. */
function scheduleOf({ key, every, pattern, tz, next, template }: JobSchedulerJson): Schedule | null {
  const envelope = envelopeSchema.safeParse(template?.data).data;
  if (envelope === undefined || next === undefined) return null;
  return {
    name: key,
    every: every ?? null,
    cron: pattern ?? null,
    tz: tz ?? null,
    request: envelope.req,
    next: { id: `repeat:${key}:${next}`, at: next },
  };
}

/** What the audit log is told of a schedule: nothing that may be a secret. */
function told({ every, cron, tz, request }: Pick<Schedule, 'every' | 'cron' | 'tz' | 'request'>): object {
  return { every, cron, tz, method: request.method, url: withoutQuery(request.url) };
}

/** @throws SluiceError SLUICE_INVALID_SPEC */
function repeatOf(when: When, what: string): RepeatOptions {
  if ('every' in when) return validate(everySchema, when, 'SLUICE_INVALID_SPEC', what);
  const { cron, tz } = validate(cronSchema, when, 'SLUICE_INVALID_SPEC', what);
  const repeat = { pattern: cron, tz };
  try {
    if (Number.isFinite(getNextMillis(Date.now(), repeat))) return repeat;
  } catch {
    // Reported below.
  }
  const message = `"${cron}" in the time zone "${tz}" never comes due; write minute hour day month weekday, such as "0 * * * *"`;
  throw new SluiceError('SLUICE_INVALID_SPEC', `${what}: cron: ${message}`, {
    faults: [fault(['cron'], message)],
  });
}
