import type { Command } from 'commander';
import { type ConnectOptions, type Sluice, connect, operator } from '@sluice/producer';
import { SluiceError, defaultPrefix, duration, formatDuration, prefixSchema, validate } from '@sluice/shared';
import { defaultRedisUrl, redactRedisUrl, redisFault, redisUrlSchema } from '@sluice/redis';
import type { ProcessIo } from './process-io.ts';

/** Where the fleet is, as typed. */
export type RawRedisOptions = { redis?: string; prefix?: string; redisTimeout?: string };

/** Redis may take this long to be connected to, ms: a person waits. A dozen round trips, one after another. */
const patienceMs = 1500;

/** Adds `--redis` and `--prefix`. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option('--redis <url>', `the Redis of the fleet (default: SLUICE_REDIS_URL, else ${defaultRedisUrl})`)
    .option('--prefix <prefix>', `key prefix of the fleet (default: SLUICE_PREFIX, else ${defaultPrefix})`);
}

/** Adds these and `--redis-timeout`, for a command that somebody waits for. */
export function addRedisOptions(command: Command): Command {
  return addPlaceOptions(command).option(
    '--redis-timeout <duration>',
    `how long to wait for a connection to Redis (default: ${formatDuration(patienceMs)})`,
  );
}

/** A value, and what it is called in a fault: its option, or its variable. */
export type Named = { value: string; name: string };

/**
 * The Redis and the prefix that were given. An option takes precedence over its variable; an empty variable counts as
 * unset. Pure.
 */
export function namedPlace(
  raw: RawRedisOptions,
  env: Readonly<Record<string, string | undefined>>,
): { redis: Named | null; prefix: Named | null } {
  const named = (typed: string | undefined, option: string, variable: string): Named | null => {
    if (typed !== undefined) return { value: typed, name: option };
    const value = env[variable];
    return value === undefined || value === '' ? null : { value, name: variable };
  };
  return {
    redis: named(raw.redis, '--redis', 'SLUICE_REDIS_URL'),
    prefix: named(raw.prefix, '--prefix', 'SLUICE_PREFIX'),
  };
}

/**
 * Which Redis and prefix are meant. Pure.
 * @throws SluiceError SLUICE_INVALID_CONFIG that names the option or variable
 */
export function readRedisOptions(
  raw: RawRedisOptions,
  env: Readonly<Record<string, string | undefined>>,
): { redis: string; prefix: string } {
  const { redis, prefix } = namedPlace(raw, env);
  const code = 'SLUICE_INVALID_CONFIG';
  return {
    redis: redis === null ? defaultRedisUrl : validate(redisUrlSchema, redis.value, code, redis.name),
    prefix: prefix === null ? defaultPrefix : validate(prefixSchema, prefix.value, code, prefix.name),
  };
}

/** @throws SluiceError SLUICE_REDIS_UNREACHABLE after `ms`, besides what `connect` throws */
async function connectWithin(ms: number, options: ConnectOptions & { redis: string }): Promise<Sluice> {
  const connecting = connect(options);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    // Whoever it reaches after all is not kept.
    connecting.then((sluice) => sluice.close()).catch(() => {});
    const where = redactRedisUrl(options.redis);
    const message = `${where} does not answer within ${formatDuration(ms)}; is Redis running there? A slow network needs a longer --redis-timeout`;
    reject(new SluiceError('SLUICE_REDIS_UNREACHABLE', message));
  }, ms);
  try {
    return await Promise.race([connecting, late]);
  } finally {
    clearTimeout(timer);
  }
}

const patienceSchema = duration({ min: 1, max: 3_600_000 });

/**
 * Connects for one command. Ctrl-C ends the command between two steps; each of its steps is atomic.
 * @param more of the client. `whenDown: 'fail'`: a Redis that goes away in the middle is an error within a second or
 *   so. Not for commands of many steps, which had better be finished when it is back
 */
export async function withSluice<T>(
  raw: RawRedisOptions,
  io: ProcessIo,
  use: (sluice: Sluice) => Promise<T>,
  more: Pick<ConnectOptions, 'whenDown' | 'bodyStore'> = {},
): Promise<T> {
  const options = readRedisOptions(raw, io.env);
  const patience = validate(
    patienceSchema,
    raw.redisTimeout ?? patienceMs,
    'SLUICE_INVALID_CONFIG',
    '--redis-timeout',
  );
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new DOMException('stopped', 'AbortError'));
  stopped.promise.catch(() => {});
  // Only a run has jobs that it takes back.
  io.stopping.text = 'stopping; Ctrl-C again stops at once';
  io.interrupt.addEventListener('abort', stop, { once: true });
  const work = async () => {
    // Whose changes they are in the audit log.
    const actor = io.env['SLUICE_ACTOR'] || operator('cli');
    await using sluice = await connectWithin(patience, { ...options, ...more, actor });
    try {
      return await use(sluice);
    } catch (error) {
      // An error reply (a missing permission, a full Redis) is a fault of Redis, not of the program.
      if (error instanceof Error && error.name === 'ReplyError') throw redisFault(error, options.redis);
      throw error;
    }
  };
  try {
    return await Promise.race([work(), stopped.promise]);
  } finally {
    io.interrupt.removeEventListener('abort', stop);
  }
}

/** The options of a client for a command that reads, or takes one step. */
export const oneStep = { whenDown: 'fail' } as const;

/**
 * Makes sure that a queue exists before anything is asked of it.
 * @throws SluiceError SLUICE_POLICY_MISSING that lists the queues
 */
export async function knownQueue(sluice: Sluice, name: string): Promise<void> {
  const queues = await sluice.queues.list();
  if (queues.includes(name)) return;
  const there =
    queues.length === 0
      ? 'no queue exists yet, or --redis or --prefix belongs to another fleet'
      : `the queues are: ${queues.join(', ')}`;
  throw new SluiceError('SLUICE_POLICY_MISSING', `there is no queue "${name}" here; ${there}`);
}
