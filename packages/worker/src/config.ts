import { z } from 'zod';
import { egressSchema, parse, queueNameSchema, validate, variablesOf } from '@sluice/shared';
import { type WorkerConfig, defaults, poolConfig, settings } from './settings.ts';
import { transformListSchema } from './transform/list.ts';

/** A number as a variable has it. */
const counted = (schema: z.ZodType<number, number>) =>
  z.coerce.number({ error: 'must be a number' }).pipe(schema);

const queueList = z.string().transform((text, ctx) => {
  if (text.trim() === '*') return '*' as const;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    const fault = parse(queueNameSchema, name).error?.issues[0];
    if (fault) ctx.addIssue(`queue "${name}" ${fault.message}`);
  }
  return names;
});

/** The bounds of egress, as JSON. */
const egressMax = z
  .string()
  .transform((text, ctx): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      ctx.addIssue('must be JSON, such as {"allow": ["10.1.0.0/16"], "ports": [443]}');
      return z.NEVER;
    }
  })
  .pipe(egressSchema)
  .optional();

/** The environment of a worker process. Every variable begins with SLUICE_. */
export const workerConfigSchema = z
  .strictObject({
    /** Where the queues are. Redis >= 7.0 or Valkey >= 8. */
    SLUICE_REDIS_URL: settings.redis,
    /** The key prefix that this fleet shares with its producers. */
    SLUICE_PREFIX: settings.prefix,
    /** Queues served, by name, comma-separated; `*`: all that have a policy, also those created later. */
    SLUICE_QUEUES: queueList.default('*'),
    /** Requests in flight in this process, over all its queues. */
    SLUICE_CONCURRENCY: counted(settings.concurrency).default(defaults.concurrency),
    /** Port of /livez and /readyz; 0 switches the server off. */
    SLUICE_HEALTH_PORT: counted(settings.port).default(defaults.port),
    SLUICE_HEALTH_HOST: z.string().default(defaults.host),
    /** On SIGTERM, how long requests in flight may take to finish before they are given back. */
    SLUICE_GRACE: settings.grace,
    /** The earliest that a killed worker's jobs run again; a worker that stands still for longer loses its jobs. */
    SLUICE_LOCK_DURATION: settings.lockDuration,
    /** How often to look for jobs without a lock: they run again within the lock's duration plus two of these. */
    SLUICE_STALLED_INTERVAL: settings.stalledInterval,
    /** Modules whose `transform` a job may name: `name=path`, comma-separated. Relative to the working directory. */
    SLUICE_TRANSFORMS: transformListSchema.default([]),
    /** Threads that run transforms; 0: one fewer than there are CPUs, at least one. */
    SLUICE_TRANSFORM_THREADS: counted(settings.transformThreads).default(defaults.transformThreads),
    /** A transform that takes longer is ended, with its thread. */
    SLUICE_TRANSFORM_TIMEOUT: settings.transformTimeout,
    /** Where the large bodies of queues with `store` go: `file:///directory`, or `s3://bucket/prefix`. */
    SLUICE_BODY_STORE: settings.bodyStore,
    /** How long replies are kept after the last one if their producer does not read them (it died, or is cut off). */
    SLUICE_REPLY_TTL: settings.replyTtl,
    /**
     * A worker whose clock differs more than this from Redis' does not start; if the clock goes wrong later, the worker
     * takes no jobs until it is right.
     */
    SLUICE_MAX_CLOCK_SKEW: settings.maxClockSkew,
    /** What the policies of the queues may allow at most, as JSON: the form of a policy's `egress`. */
    SLUICE_EGRESS_MAX: egressMax,
    SLUICE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  })
  .transform((env): WorkerConfig => ({
    ...poolConfig({
      redis: env.SLUICE_REDIS_URL,
      prefix: env.SLUICE_PREFIX,
      queues: env.SLUICE_QUEUES,
      concurrency: env.SLUICE_CONCURRENCY,
      grace: env.SLUICE_GRACE,
      lockDuration: env.SLUICE_LOCK_DURATION,
      stalledInterval: env.SLUICE_STALLED_INTERVAL,
      transforms: env.SLUICE_TRANSFORMS,
      transformThreads: env.SLUICE_TRANSFORM_THREADS,
      transformTimeout: env.SLUICE_TRANSFORM_TIMEOUT,
      bodyStore: env.SLUICE_BODY_STORE,
      replyTtl: env.SLUICE_REPLY_TTL,
      maxClockSkew: env.SLUICE_MAX_CLOCK_SKEW,
      egressMax: env.SLUICE_EGRESS_MAX,
    }),
    health: { port: env.SLUICE_HEALTH_PORT, host: env.SLUICE_HEALTH_HOST },
    logLevel: env.SLUICE_LOG_LEVEL,
  }));

export type { WorkerConfig } from './settings.ts';

/** Reads the worker's variables from an environment. Lists every fault; an unknown variable is one (a typo). */
export function readWorkerConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  return validate(
    workerConfigSchema,
    variablesOf('worker', env),
    'SLUICE_INVALID_CONFIG',
    'the environment has faults',
  );
}
