import { z } from 'zod';
import { bodyStoreUrlSchema } from '@sluice/body-store';
import { defaultRedisUrl, redisUrlSchema } from '@sluice/redis';
import { defaultPrefix, duration, egressSchema, prefixSchema, replyTtlMs } from '@sluice/shared';

/** A whole number between two bounds. */
export const whole = (min: number, max: number) =>
  z
    .int({ error: 'must be a whole number' })
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

/**
 * What can be set on a worker, each with its bounds and its default: once, for the variables of a process (config.ts) and
 * for the options of a worker inside another process (options.ts).
 */
export const settings = {
  redis: redisUrlSchema.default(defaultRedisUrl),
  prefix: prefixSchema.default(defaultPrefix),
  concurrency: whole(1, 10_000),
  port: whole(0, 65_535),
  grace: duration({ min: 0, max: 3_600_000 }).default(25_000),
  lockDuration: duration({ min: 5000, max: 3_600_000 }).default(60_000),
  stalledInterval: duration({ min: 1000, max: 300_000 }).default(5000),
  transformThreads: whole(0, 256),
  transformTimeout: duration({ min: 10, max: 3_600_000 }).default(30_000),
  bodyStore: bodyStoreUrlSchema.optional(),
  replyTtl: duration({ min: 60_000, max: 86_400_000 }).default(replyTtlMs),
  maxClockSkew: duration({ min: 100, max: 3_600_000 }).default(2000),
  egressMax: egressSchema.optional(),
} as const;

/** The default of what is written in two ways, as text and as a number. */
export const defaults = { concurrency: 50, port: 8080, host: '0.0.0.0', transformThreads: 0 } as const;

type Value<Name extends keyof typeof settings> = z.output<(typeof settings)[Name]>;

/** The settings, with the names that options have. */
type Settings = {
  [Name in Exclude<keyof typeof settings, 'port'>]: Value<Name>;
} & {
  queues: '*' | string[];
  transforms: { name: string; module: string }[];
};

/**
 * Looks for stalled jobs never pause longer than a quarter of the lock's duration: a job waits for its lock to run out,
 * not for the look.
 */
export function poolConfig(set: Settings) {
  return {
    redisUrl: set.redis,
    prefix: set.prefix,
    queues: set.queues,
    concurrency: set.concurrency,
    graceMs: set.grace,
    lockMs: set.lockDuration,
    stalledIntervalMs: Math.min(set.stalledInterval, set.lockDuration / 4),
    transforms: { modules: set.transforms, threads: set.transformThreads, timeoutMs: set.transformTimeout },
    bodyStore: set.bodyStore ?? null,
    replyTtlMs: set.replyTtl,
    maxClockSkewMs: set.maxClockSkew,
    egressMax: set.egressMax ?? null,
  };
}

/** What a pool of queues needs to know. */
export type PoolConfig = ReturnType<typeof poolConfig>;

/** The same, and what its process needs besides. */
export type WorkerConfig = PoolConfig & { health: { port: number; host: string }; logLevel: string };
