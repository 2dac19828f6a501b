import { z } from 'zod';
import { bodyStoreUrlSchema } from '@sluice/body-store';
import {
  duration,
  defaultPrefix,
  parse,
  queueNameSchema,
  replyTtlMs,
  validate,
  variablesOf,
  prefixSchema,
} from '@sluice/shared';
import { defaultRedisUrl, redisUrlSchema } from '@sluice/redis';
import { transformListSchema } from './transform/list.ts';

const integer = (min: number, max: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .pipe(
      z.int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`),
    );

const queueList = z.string().transform((text, ctx) => {
  if (text.trim() === '*') return '*' as const;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    const fault = parse(queueNameSchema, name).error?.issues[0];
    if (fault) ctx.addIssue(`queue "${name}" ${fault.message}`);
  }
  return names;
});

/** The environment of a worker process. Every variable begins with SLUICE_. */
export const workerConfigSchema = z
  .strictObject({
    /** Where the queues are. Redis >= 7.0 or Valkey >= 8. */
    SLUICE_REDIS_URL: redisUrlSchema.default(defaultRedisUrl),
    /** The key prefix that this fleet shares with its producers. */
    SLUICE_PREFIX: prefixSchema.default(defaultPrefix),
    /** Queues served, by name, comma-separated; `*`: all that have a policy, also those created later. */
    SLUICE_QUEUES: queueList.default('*'),
    /** Requests in flight in this process, over all its queues. */
    SLUICE_CONCURRENCY: integer(1, 10_000).default(50),
    /** Port of /livez and /readyz; 0 switches the server off. */
    SLUICE_HEALTH_PORT: integer(0, 65_535).default(8080),
    SLUICE_HEALTH_HOST: z.string().default('0.0.0.0'),
    /** On SIGTERM, how long requests in flight may take to finish before they are given back. */
    SLUICE_GRACE: duration({ min: 0, max: 3_600_000 }).default(25_000),
    /** The earliest that a killed worker's jobs run again; a worker that stands still for longer loses its jobs. */
    SLUICE_LOCK_DURATION: duration({ min: 5000, max: 3_600_000 }).default(60_000),
    /**
     * How often to look for jobs without a lock: they run again within the lock's duration plus two of these. Never
     * longer than a quarter of the lock's duration: an outage that costs locks must show as a pause between looks.
     */
    SLUICE_STALLED_INTERVAL: duration({ min: 1000, max: 300_000 }).default(5000),
    /** Modules whose `transform` a job may name: `name=path`, comma-separated. Relative to the working directory. */
    SLUICE_TRANSFORMS: transformListSchema.default([]),
    /** Threads that run transforms; 0: one fewer than there are CPUs, at least one. */
    SLUICE_TRANSFORM_THREADS: integer(0, 256).default(0),
    /** A transform that takes longer is ended, with its thread. */
    SLUICE_TRANSFORM_TIMEOUT: duration({ min: 10, max: 3_600_000 }).default(30_000),
    /** Where the large bodies of queues with `store` go: `file:///directory`, or `s3://bucket/prefix`. */
    SLUICE_BODY_STORE: bodyStoreUrlSchema.optional(),
    /** How long replies are kept after the last one if their producer does not read them (it died, or is cut off). */
    SLUICE_REPLY_TTL: duration({ min: 60_000, max: 86_400_000 }).default(replyTtlMs),
    /**
     * A worker whose clock differs more than this from Redis' does not start; if the clock goes wrong later, the worker
     * takes no jobs until it is right.
     */
    SLUICE_MAX_CLOCK_SKEW: duration({ min: 100, max: 3_600_000 }).default(2000),
    SLUICE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  })
  .transform((env) => ({
    redisUrl: env.SLUICE_REDIS_URL,
    prefix: env.SLUICE_PREFIX,
    queues: env.SLUICE_QUEUES,
    concurrency: env.SLUICE_CONCURRENCY,
    health: { port: env.SLUICE_HEALTH_PORT, host: env.SLUICE_HEALTH_HOST },
    graceMs: env.SLUICE_GRACE,
    lockMs: env.SLUICE_LOCK_DURATION,
    stalledIntervalMs: Math.min(env.SLUICE_STALLED_INTERVAL, env.SLUICE_LOCK_DURATION / 4),
    transforms: {
      modules: env.SLUICE_TRANSFORMS,
      threads: env.SLUICE_TRANSFORM_THREADS,
      timeoutMs: env.SLUICE_TRANSFORM_TIMEOUT,
    },
    bodyStore: env.SLUICE_BODY_STORE ?? null,
    replyTtlMs: env.SLUICE_REPLY_TTL,
    maxClockSkewMs: env.SLUICE_MAX_CLOCK_SKEW,
    logLevel: env.SLUICE_LOG_LEVEL,
  }));

export type WorkerConfig = z.output<typeof workerConfigSchema>;

/** Reads the worker's variables from an environment. Lists every fault; an unknown variable is one (a typo). */
export function readWorkerConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  return validate(
    workerConfigSchema,
    variablesOf('worker', env),
    'SLUICE_INVALID_CONFIG',
    'the environment has faults',
  );
}
