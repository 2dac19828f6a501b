import { z } from 'zod';
import { type EgressSpec, queueNameSchema, validate } from '@sluice/shared';
import { type Logger, logMethods } from './logger.ts';
import { type PoolConfig, defaults, poolConfig, settings } from './settings.ts';
import { transformListSchema } from './transform/list.ts';

/** The options of `startWorker`. All may be left out. Times are a text with a unit (`'25s'`), or ms as a number. */
export interface WorkerOptions {
  /**
   * Redis 7.0 or Valkey 8, or newer: `redis://user:password@host:port/db`, or another of the forms that `connect` takes.
   * Default `redis://127.0.0.1:6379`.
   */
  redis?: string;
  /** Key prefix shared with the producers. Default `{sluice}`; another prefix is another fleet. */
  prefix?: string;
  /**
   * The queues to serve. Default `'*'`: all that have a policy, also those created later. One that is named and has no
   * policy yet is served as soon as it has one; until then `notReady()` says so.
   */
  queues?: '*' | readonly string[];
  /**
   * Requests under way at once, over all queues of this worker. 1 to 10,000, default 50. Fewer than a rate needs (rate x
   * duration of a request): it is not reached. Many: memory, one body each.
   */
  concurrency?: number;
  /**
   * How long `close()` lets requests under way finish before it gives them back. 0 to 1 h, default 25 s. 0: all are
   * given back at once, and made again by another worker.
   */
  grace?: string | number;
  /**
   * The jobs of a worker that was killed run again after this, plus two stalled intervals. 5 s to 1 h, default 60 s.
   * Short: if the process stands still for longer, its requests are made again. Long: the jobs wait that long.
   */
  lockDuration?: string | number;
  /**
   * How often to look for jobs that lost their worker; at most a quarter of `lockDuration`. 1 s to 5 min, default 5 s;
   * the same in the whole fleet.
   */
  stalledInterval?: string | number;
  /** Modules whose transform a job may name: name -> path (from the working directory) or `file:///` URL. Default none. */
  transforms?: Readonly<Record<string, string>>;
  /** Threads that run transforms. 0 to 256, default 0: one fewer than there are CPUs, at least one. */
  transformThreads?: number;
  /** A transform that takes longer is ended, with its thread. 10 ms to 1 h, default 30 s. */
  transformTimeout?: string | number;
  /**
   * Where the large bodies of queues with `store` go: `file:///directory`, or `s3://bucket/prefix`. Default none: such
   * queues keep the worker not ready.
   */
  bodyStore?: string;
  /** How long unread replies are kept after the last one. 1 min to 24 h, default 10 min; the same in the whole fleet. */
  replyTtl?: string | number;
  /**
   * A worker whose clock differs more than this from that of Redis does not start; if the clock goes wrong later, it
   * takes no jobs until the clock is right. 100 ms to 1 h, default 2 s.
   */
  maxClockSkew?: string | number;
  /**
   * What the policies of the queues may allow at most (`egress`): this worker contacts nothing else, whoever wrote the
   * policy. `{}`: the public internet only. Default none: what the policy says.
   */
  egressMax?: EgressSpec;
  /**
   * Where log lines go: a pino logger, or whatever has its `debug`, `info`, `warn` and `error` (`console` does). Errors
   * come without the fields that could hold data of a job. Default: pino on level `warn`, JSON lines on standard error:
   * nothing is written while all is well, and an outage does not go unseen.
   */
  logger?: Logger;
}

const isLogger = (value: unknown): value is Logger =>
  typeof value === 'object' &&
  value !== null &&
  logMethods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');

/** The same schema reads the list of a variable. */
const transformMap = z.record(z.string(), z.string()).transform((modules, ctx) =>
  Object.entries(modules).flatMap(([name, module]) => {
    const read = transformListSchema.safeParse(`${name}=${module}`);
    if (read.success) return read.data;
    for (const { message } of read.error.issues) ctx.addIssue(message);
    return [];
  }),
);

const optionsSchema = z
  .strictObject({
    redis: settings.redis,
    prefix: settings.prefix,
    queues: z
      .union([z.literal('*'), z.array(queueNameSchema).min(1)], {
        error: "must be '*', or an array with the names of queues",
      })
      .default('*'),
    concurrency: settings.concurrency.default(defaults.concurrency),
    grace: settings.grace,
    lockDuration: settings.lockDuration,
    stalledInterval: settings.stalledInterval,
    transforms: transformMap.default([]),
    transformThreads: settings.transformThreads.default(defaults.transformThreads),
    transformTimeout: settings.transformTimeout,
    bodyStore: settings.bodyStore,
    replyTtl: settings.replyTtl,
    maxClockSkew: settings.maxClockSkew,
    egressMax: settings.egressMax,
    logger: z
      .custom<Logger>(isLogger, 'must have the methods debug, info, warn and error, as pino does')
      .optional(),
  })
  .transform(({ logger, ...set }) => ({
    config: poolConfig({ ...set, bodyStore: set.bodyStore, egressMax: set.egressMax }),
    logger,
  }));

/** @throws SluiceError SLUICE_INVALID_CONFIG with every fault */
export function readWorkerOptions(options: WorkerOptions): {
  config: PoolConfig;
  logger?: Logger | undefined;
} {
  return validate(
    optionsSchema,
    options,
    'SLUICE_INVALID_CONFIG',
    'the options of startWorker() have faults',
  );
}
