import type { Redis } from 'ioredis';
import { actorSchema, defaultPrefix, keysOf, prefixSchema, queueNameSchema, validate } from '@sluice/shared';
import {
  type BullScripts,
  bullScripts,
  defaultRedisUrl,
  duplicatesOf,
  openClient,
  redisUrlSchema,
  takesUnnamedKeys,
} from '@sluice/redis';
import { service } from './audit/trail.ts';
import { bounded } from './bounded.ts';
import { Sluice } from './client.ts';
import { type ConnectOptions, connectOptionsSchema } from './connect-options.ts';
import { type Server, openConnections } from './connection/connections.ts';
import { Adds } from './enqueue/adds.ts';
import { policyMissing } from './enqueue/known-queues.ts';
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
 *   SLUICE_INVALID_POLICY, SLUICE_POLICY_CONFLICT; SLUICE_POLICY_MISSING when `queue` is named, and neither it nor the
 *   options have a policy; SLUICE_WAIT_ABORTED
 */
export async function connect(options: ConnectOptions = {}): Promise<Sluice> {
  return await connectWith(options, bullScripts(import.meta.url));
}

/** @param bull the scripts of BullMQ that may run inside ours */
export async function connectWith(options: ConnectOptions, bull: BullScripts): Promise<Sluice> {
  validate(connectOptionsSchema, options, code, what);
  const opening = open(options, bull);
  try {
    return await bounded(opening, { signal: options.signal }, 'stopped before the client was connected');
  } catch (error) {
    // If it connects after all, nobody has it.
    opening.then(
      (sluice) => sluice.close(),
      () => {},
    );
    throw error;
  }
}

async function open(options: ConnectOptions, bull: BullScripts): Promise<Sluice> {
  const prefix = validate(prefixSchema, options.prefix ?? defaultPrefix, code, what);
  const server = serverOf(options.redis ?? defaultRedisUrl, prefix);
  const queue = validate(queueNameSchema, options.queue ?? 'default', code, what);
  const actor = validate(actorSchema, options.actor ?? service(), code, `${what}: actor`);
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
  const together = takesUnnamedKeys(url);
  const adds = together ? Adds.open(connections.commands, keysOf(prefix), bull) : null;
  if (together && adds === null) reports.info(eachByItself(bull));
  const parts = {
    connections,
    reader,
    bodies,
    reports,
    prefix,
    queue,
    url,
    fetchDeadlineMs,
    dedupTtlMs,
    adds,
    actor,
  };
  const sluice = new Sluice(parts);
  const policy = options.rate === undefined ? options.policy : { ...options.policy, rate: options.rate };
  try {
    if (policy !== undefined) await sluice.policies.ensure(queue, policy, options.onConflict ?? 'keep');
    else if (options.queue !== undefined) await assertQueue(sluice, queue);
    return sluice;
  } catch (error) {
    await sluice.close();
    throw error;
  }
}

const eachByItself = ({ version }: BullScripts) =>
  `BullMQ ${version} is not known: each job is added by a call to Redis of its own, which costs more`;

/** A name with a typo, or of another fleet, shows now and not with the first job. */
async function assertQueue({ queues }: Sluice, queue: string): Promise<void> {
  const names = await queues.list();
  if (!names.includes(queue)) throw policyMissing(queue, names);
}
