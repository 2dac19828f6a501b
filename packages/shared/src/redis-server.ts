import { type ClientOptions, type Place, clientOptions } from './client-options.ts';
import { clusterNews } from './cluster-news.ts';
import { isClusterUrl, parseClusterUrl } from './cluster-url.ts';
import { SluiceError } from './errors.ts';
import { type FollowingClient, type News, followFailovers } from './failover-watch.ts';
import { redactRedisUrl } from './redis-url.ts';
import { type ListeningClient, sentinelNews } from './sentinel-news.ts';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';
import { giveUpSilence } from './silence.ts';
import { type AskingClient, SlotOwner } from './slot-owner.ts';

export type { ClientOptions } from './client-options.ts';

/** Judges the answer of `INFO server`: Redis >= 7.0 or Valkey >= 8. Throws SLUICE_REDIS_VERSION. */
export function assertServerVersion(info: string, url: string): void {
  const field = (name: string) => new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  const version = valkey ?? field('redis_version') ?? 'unknown';
  const major = Number.parseInt(version, 10);
  if (major >= (valkey === undefined ? 7 : 8)) return;
  throw new SluiceError(
    'SLUICE_REDIS_VERSION',
    `${redactRedisUrl(url)} is ${valkey === undefined ? 'Redis' : 'Valkey'} ${version}; Sluice needs Redis 7.0 or Valkey 8 or newer`,
  );
}

/** Judges the answer of `INFO memory`: a server that may evict keys would lose jobs. Throws SLUICE_REDIS_EVICTS. */
export function assertKeepsKeys(info: string, url: string): void {
  const policy = /^maxmemory_policy:(.+?)\r?$/m.exec(info)?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  throw new SluiceError(
    'SLUICE_REDIS_EVICTS',
    `${redactRedisUrl(url)} has maxmemory-policy ${policy} and may evict jobs; set it to noeviction: CONFIG SET maxmemory-policy noeviction`,
  );
}

/** Judges the answer of `INFO replication`: a replica takes no writes. Throws SLUICE_REDIS_UNREACHABLE. */
export function assertPrimary(info: string, url: string): void {
  if (!/^role:slave\r?$/m.test(info)) return;
  throw new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    `${redactRedisUrl(url)} is a replica and takes no writes; name the primary, or the Sentinels that know it: redis+sentinel://host:26379/primary-name`,
  );
}

/** Judges the answer of `INFO server`: of a Cluster one node has the prefix. Throws SLUICE_REDIS_UNREACHABLE. */
export function assertMode(info: string, url: string): void {
  if (isClusterUrl(url) || !/^(redis|server)_mode:cluster\r?$/m.test(info)) return;
  throw new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    `${redactRedisUrl(url)} is a node of a Cluster, and others may have the prefix; write redis+cluster://host1:6379,host2:6379`,
  );
}

/** Turns what a Redis client throws while connecting into a SluiceError that names the server and the fix. */
export function redisFault(error: unknown, url: string): SluiceError {
  if (error instanceof SluiceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const where = redactRedisUrl(url);
  const through = isSentinelUrl(url);
  if (/NOAUTH|WRONGPASS|invalid username-password|without any password|NOPERM/i.test(text)) {
    const form = through
      ? 'redis+sentinel://user:password@host/name for Redis, ?sentinel_username=…&sentinel_password=… for the Sentinels'
      : `${isClusterUrl(url) ? 'redis+cluster' : 'redis'}://user:password@host:port`;
    const message = `${where} refuses the user or password (${text}); write them into the URL: ${form}`;
    return new SluiceError('SLUICE_REDIS_AUTH', message, { cause: error });
  }
  if (/^OOM|maxmemory/i.test(text)) {
    const message = `${where} has reached maxmemory; the job was not accepted. Raise maxmemory or let the queue drain`;
    return new SluiceError('SLUICE_REDIS_FULL', message, { cause: error });
  }
  if (text.startsWith('NOREPLICAS')) {
    const message = `${where} refuses writes because too few replicas are connected to it (min-replicas-to-write)`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (through && /No such master with that name|invalid reply: null/.test(text)) {
    const message = `${where} names a primary that its Sentinels do not know; take the name from SENTINEL MASTERS`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (/cluster support disabled/.test(text)) {
    const message = `${where} is no Cluster; write redis://host:port`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(text)) {
    const message = `no node of ${where} serves the prefix for now (${text}); a replica takes over, or its slot is being moved`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  const asked = text.startsWith('failed to connect to sentinel') ? 'are the Sentinels' : 'is Redis';
  const message = `${where} does not answer (${text || 'connection refused'}); ${asked} running there?`;
  return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
}

/** What is needed of a Redis client (ioredis) to open it. */
type Client = Omit<FollowingClient, 'stream'> &
  ListeningClient &
  AskingClient & {
    readonly stream?: Parameters<typeof giveUpSilence>[0] & { setMaxListeners(count: number): unknown };
    info(section: string): Promise<string>;
    duplicate(...args: never[]): unknown;
    on(event: 'connect', listener: () => void): unknown;
    on(event: 'sentinelError', listener: (error: unknown) => void): unknown;
  };

/** Calls back with a client, and with every duplicate that BullMQ makes of it. */
function withDuplicates<T extends Client>(client: T, each: (client: T) => void): void {
  each(client);
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => T;
  Object.assign(client, {
    duplicate: (...args: unknown[]) => {
      const another = duplicate(...args);
      withDuplicates(another, each);
      return another;
    },
  });
}

/** Where a URL leads, and what tells of another primary there. */
function placeOf(
  { url, prefix }: RedisPlace,
  create: (target: string, options: object) => Client,
): { place: Place; news?: News } {
  if (isSentinelUrl(url)) {
    const address = valid(parseSentinelUrl(url));
    return { place: { kind: 'sentinel', address }, news: sentinelNews(address, create) };
  }
  if (isClusterUrl(url)) {
    const address = valid(parseClusterUrl(url));
    const owner = new SlotOwner(address, prefix, create);
    return { place: { kind: 'cluster', address, owner }, news: clusterNews(owner) };
  }
  return { place: { kind: 'server', url } };
}

function valid<T extends object>(address: T | string[]): T {
  if (Array.isArray(address)) throw new Error(address.join('; '));
  return address;
}

/** Where the keys of Sluice are. */
export type RedisPlace = {
  /** Of one server, of Sentinels or of nodes of a Cluster: see `redisUrlSchema`. */
  url: string;
  /** Of all keys; in a Cluster it says which node has them. */
  prefix: string;
};

/**
 * Connects, and refuses at once what could not work: no server, a wrong password, a version that is too old, a replica.
 * Afterwards the client reconnects by itself, to whoever is the primary then, and commands wait for it.
 * @param create makes the client of a URL or socket path
 * @param each called with the client before it connects, and with every duplicate of it
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_REDIS_EVICTS
 */
export async function openClient<T extends Client>(
  where: RedisPlace,
  create: (target: string, options: ClientOptions) => T,
  each: (client: T) => void = () => {},
): Promise<T> {
  const { url, prefix } = where;
  let failure: unknown;
  let open = false;
  const { place, news } = placeOf(where, create as (target: string, options: object) => Client);
  const { target, options } = clientOptions(place, () => open);
  const client = create(target, options);
  withDuplicates(client, (one) => {
    one.on('connect', () => {
      if (one.stream === undefined) return;
      // ioredis adds one for every command that is refused by a server that it leaves.
      one.stream.setMaxListeners(0);
      giveUpSilence(one.stream);
    });
    if (news !== undefined) followFailovers(one, `${url} ${prefix}`, news);
    each(one);
  });
  const note = (error: unknown) => {
    failure ??= error;
  };
  // What one Sentinel said tells more than that all of them failed, which comes later.
  client.on('sentinelError', note);
  // Without a listener ioredis prints every error.
  client.on('error', note);
  try {
    await client.connect();
    // Another Sentinel knew better.
    failure = undefined;
    const server = await client.info('server');
    assertServerVersion(server, url);
    assertMode(server, url);
    assertKeepsKeys(await client.info('memory'), url);
    assertPrimary(await client.info('replication'), url);
    open = true;
    return client;
  } catch (error) {
    client.disconnect();
    throw redisFault(failure ?? error, url);
  }
}
