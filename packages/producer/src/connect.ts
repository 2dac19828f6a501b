import type { Redis } from 'ioredis';
import { defaultPrefix, prefixSchema, queueNameSchema, validate } from '@sluice/shared';
import { defaultRedisUrl, duplicatesOf, openClient, redisUrlSchema } from '@sluice/redis';
import { Sluice } from './client.ts';
import { type ConnectOptions, connectOptionsSchema } from './connect-options.ts';
import { type Server, openConnections } from './connection/connections.ts';
import { keepSchema } from './enqueue/to-job.ts';
import { durationOption } from './options.ts';
import { Reports } from './reports.ts';
import { StoredBodies } from './stored-bodies.ts';

const defaultFetchDeadlineMs = 900_000;
const defaultDedupTtlMs = 86_400_000;

const code = 'SLUICE_INVALID_CONFIG';
const what = 'the options of connect() have faults';

function serverOf(redis: NonNullable<ConnectOptions['redis']>, prefix: string): Server {
  if (typeof redis === 'string') return { url: validate(redisUrlSchema, redis, code, what), prefix };
  return { ...duplicatesOf(redis), prefix };
}

/**
 * Connects to the Redis that the workers use.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_INVALID_CONFIG,
 *   SLUICE_INVALID_POLICY, SLUICE_POLICY_CONFLICT
 */
export async function connect(options: ConnectOptions = {}): Promise<Sluice> {
  validate(connectOptionsSchema, options, code, what);
  const prefix = validate(prefixSchema, options.prefix ?? defaultPrefix, code, what);
  const server = serverOf(options.redis ?? defaultRedisUrl, prefix);
  const queue = validate(queueNameSchema, options.queue ?? 'default', code, what);
  const time = (name: 'dedupTtl' | 'fetchDeadline') =>
    durationOption(keepSchema, options, [name, `${name}Ms`], code, what);
  const dedupTtlMs = time('dedupTtl') ?? defaultDedupTtlMs;
  const fetchDeadlineMs = time('fetchDeadline') ?? defaultFetchDeadlineMs;
  const bodies = new StoredBodies(options.bodyStore);
  const connections = await openConnections(server, options.whenDown ?? 'wait');
  let reader: Redis;
  try {
    reader = await openClient(server, { ...(server.create !== undefined && { create: server.create }) });
  } catch (error) {
    connections.commands.disconnect();
    throw error;
  }
  const reports = new Reports(options.logger, options.on);
  reports.watch(connections.commands, server.url);
  const { url } = server;
  const parts = { connections, reader, bodies, reports, prefix, queue, url, fetchDeadlineMs, dedupTtlMs };
  const sluice = new Sluice(parts);
  const policy = options.rate === undefined ? options.policy : { ...options.policy, rate: options.rate };
  try {
    if (policy !== undefined) await sluice.policies.ensure(queue, policy, options.onConflict ?? 'keep');
    return sluice;
  } catch (error) {
    await sluice.close();
    throw error;
  }
}
