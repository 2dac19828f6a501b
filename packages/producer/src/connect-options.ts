import type { BodyStore } from '@sluice/body-store';
import type { RedisClient } from '@sluice/redis';
import { type Duration, type PolicyInput, isObject } from '@sluice/shared';
import { z } from 'zod';
import type { WhenDown } from './connection/connections.ts';
import type { OnConflict } from './queues/policies.ts';
import type { Hooks, Logger } from './reports.ts';

export interface ConnectOptions {
  /**
   * A Redis URL, `redis://user:password@host:port/db`, `rediss://…` for TLS, `redis+unix:///run/redis.sock`,
   * `redis+sentinel://host1:26379,host2:26379/primary-name`, or `redis+cluster://host1:6379,host2:6379`; or an ioredis
   * client (not of a Cluster). Default `redis://127.0.0.1:6379`.
   *
   * Two connections are opened, one for commands and one that waits for replies, and one more for each batch that is
   * being read and for semaphores with waiters. Those of a client are duplicates with its options; the client itself is
   * neither used nor closed.
   */
  redis?: string | RedisClient | undefined;
  /** Key prefix shared with the workers. Default `{sluice}`. */
  prefix?: string | undefined;
  /** The queue for calls that name none. Default `default`. It must have a policy, or `policy` or `rate` gives it one. */
  queue?: string | undefined;
  /** The policy of `queue`: created where there is none. Where there is one, only the fields named here count. */
  policy?: PolicyInput | undefined;
  /** Short for `policy: { rate }`: `"100/60s"`. */
  rate?: PolicyInput['rate'];
  /**
   * What to do when the queue has another policy than `policy` and `rate` name: `keep` the queue's, with one warning
   * (default: code does not undo what an operator has set); `replace` the named fields, for the whole fleet; `fail` with
   * SLUICE_POLICY_CONFLICT.
   */
  onConflict?: OnConflict | undefined;
  /**
   * Where the workers store large bodies: `file:///directory`, or `s3://bucket/prefix?endpoint=…&region=…`. Only for
   * queues whose policy has `store`. Default: none.
   */
  bodyStore?: string | BodyStore | undefined;
  /**
   * What calls do while Redis does not answer, or takes no writes: `wait` for it (default), or `fail` within a second
   * or so with SLUICE_REDIS_UNREACHABLE, even those that await an outcome. A job whose add failed this way may have
   * been accepted all the same: give it an `id`, and enqueue it again. A job whose outcome was awaited goes on.
   */
  whenDown?: WhenDown | undefined;
  /** Deadline of a `fetch` that gives none, from its call: `"15m"` (default), or ms. 1 ms to 366 days. */
  fetchDeadline?: Duration | undefined;
  /** @deprecated `fetchDeadline`. ms */
  fetchDeadlineMs?: number | undefined;
  /**
   * How long an `id` or `idempotencyKey` is remembered after its job was added, and how long the outcome of that job is
   * kept after its end: `"24h"` (default), or ms. 1 ms to 366 days; longer takes more of Redis' memory.
   */
  dedupTtl?: Duration | undefined;
  /** @deprecated `dedupTtl`. ms */
  dedupTtlMs?: number | undefined;
  /**
   * Takes what an operator should know: another policy than the one named, a queue without workers, a connection that was lost or is back.
   * `console` and a pino logger fit. Default: none; then warnings are those of the process.
   */
  logger?: Logger | undefined;
  /** Called when a job was accepted, when one has ended, and with each warning. Default: none. */
  on?: Hooks | undefined;
  /**
   * Who makes this client's changes, for the audit log: 1 to 100 letters, digits or `. _ : @ + -`. Default
   * `library:HOST`. A claim and no proof: whoever can write to Redis can name anybody.
   */
  actor?: string | undefined;
  /** Ends the wait for Redis, with SLUICE_WAIT_ABORTED. When the client is connected, it has no more effect. */
  signal?: AbortSignal | undefined;
}

const isClient = (value: unknown) =>
  isObject(value) && typeof value['duplicate'] === 'function' && isObject(value['options']);

const hook = z.custom((value) => typeof value === 'function', 'must be a function');

/** The names of the options, and those of their values that nothing else checks. */
export const connectOptionsSchema = z.strictObject({
  redis: z
    .custom(
      (value) => typeof value === 'string' || isClient(value),
      'must be a Redis URL, or an ioredis client',
    )
    .optional(),
  prefix: z.unknown().optional(),
  queue: z.unknown().optional(),
  policy: z.unknown().optional(),
  rate: z.unknown().optional(),
  onConflict: z.enum(['keep', 'replace', 'fail']).optional(),
  bodyStore: z.unknown().optional(),
  whenDown: z.enum(['wait', 'fail']).optional(),
  fetchDeadline: z.unknown().optional(),
  fetchDeadlineMs: z.unknown().optional(),
  dedupTtl: z.unknown().optional(),
  dedupTtlMs: z.unknown().optional(),
  actor: z.unknown().optional(),
  signal: z.custom((value) => value instanceof AbortSignal, 'must be an AbortSignal').optional(),
  logger: z
    .custom(
      (value) =>
        isObject(value) && typeof value['info'] === 'function' && typeof value['warn'] === 'function',
      'must have the methods info and warn, as console and pino do',
    )
    .optional(),
  on: z
    .strictObject({ accepted: hook.optional(), settled: hook.optional(), warning: hook.optional() })
    .optional(),
});
