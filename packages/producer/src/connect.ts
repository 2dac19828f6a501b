import type { BodyStore } from '@sluice/body-store';
import type { Redis } from 'ioredis';
import {
  type Duration,
  type PolicyInput,
  defaultPrefix,
  queueNameSchema,
  validate,
  prefixSchema,
} from '@sluice/shared';
import { defaultRedisUrl, openClient, redisUrlSchema } from '@sluice/redis';
import { Sluice } from './client.ts';
import { type WhenDown, openConnections } from './connection/connections.ts';
import type { OnConflict } from './queues/policies.ts';
import { StoredBodies } from './stored-bodies.ts';
import { keepSchema } from './enqueue/to-job.ts';
import { durationOption } from './options.ts';

const defaultFetchDeadlineMs = 900_000;
const defaultDedupTtlMs = 86_400_000;

export type ConnectOptions = {
  /**
   * Redis URL: `redis://user:password@host:port/db`, `rediss://…` for TLS, `redis+unix:///run/redis.sock`,
   * `redis+sentinel://host1:26379,host2:26379/primary-name`, or `redis+cluster://host1:6379,host2:6379`. Default
   * `redis://127.0.0.1:6379`.
   */
  redis?: string;
  /** Key prefix shared with the workers. Default `{sluice}`. */
  prefix?: string;
  /** The queue for calls that name none. Default `default`. */
  queue?: string;
  /** The policy of `queue`: created where there is none. Where there is one, only the fields named here count. */
  policy?: PolicyInput;
  /** Short for `policy: { rate }`: `"100/60s"`. */
  rate?: PolicyInput['rate'];
  /**
   * What to do when the queue has another policy than `policy` and `rate` name: `keep` the queue's, with one warning of
   * the process (default: code does not undo what an operator has set); `replace` the named fields, for the whole
   * fleet; `fail` with SLUICE_POLICY_CONFLICT.
   */
  onConflict?: OnConflict;
  /**
   * Where the workers store large bodies: `file:///directory`, or `s3://bucket/prefix?endpoint=…&region=…`. Only for
   * queues whose policy has `store`. Default: none.
   */
  bodyStore?: string | BodyStore;
  /**
   * What calls do while Redis does not answer, or takes no writes: `wait` for it (default), or `fail` within a second
   * or so with SLUICE_REDIS_UNREACHABLE, even those that await an outcome. A job whose add failed this way may have
   * been accepted all the same: give it an `id`, and enqueue it again. A job whose outcome was awaited goes on.
   */
  whenDown?: WhenDown;
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
};

/**
 * Connects to the Redis that the workers use.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_INVALID_CONFIG,
 *   SLUICE_INVALID_POLICY, SLUICE_POLICY_CONFLICT
 */
export async function connect(options: ConnectOptions = {}): Promise<Sluice> {
  const what = 'the options of connect() have faults';
  const url = validate(redisUrlSchema, options.redis ?? defaultRedisUrl, 'SLUICE_INVALID_CONFIG', what);
  const prefix = validate(prefixSchema, options.prefix ?? defaultPrefix, 'SLUICE_INVALID_CONFIG', what);
  const queue = validate(queueNameSchema, options.queue ?? 'default', 'SLUICE_INVALID_CONFIG', what);
  const time = (name: 'dedupTtl' | 'fetchDeadline') =>
    durationOption(keepSchema, options, [name, `${name}Ms`], 'SLUICE_INVALID_CONFIG', what);
  const dedupTtlMs = time('dedupTtl') ?? defaultDedupTtlMs;
  const fetchDeadlineMs = time('fetchDeadline') ?? defaultFetchDeadlineMs;
  const bodies = new StoredBodies(options.bodyStore);
  const connections = await openConnections({ url, prefix }, options.whenDown ?? 'wait');
  let reader: Redis;
  try {
    reader = await openClient({ url, prefix });
  } catch (error) {
    connections.commands.disconnect();
    throw error;
  }
  const sluice = new Sluice({
    connections,
    reader,
    bodies,
    prefix,
    queue,
    url,
    fetchDeadlineMs,
    dedupTtlMs,
  });
  const policy = options.rate === undefined ? options.policy : { ...options.policy, rate: options.rate };
  try {
    if (policy !== undefined) await sluice.policies.ensure(queue, policy, options.onConflict ?? 'keep');
    return sluice;
  } catch (error) {
    await sluice.close();
    throw error;
  }
}
