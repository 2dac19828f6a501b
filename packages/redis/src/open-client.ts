import { Redis } from 'ioredis';
import { assertKeepsKeys, assertMode, assertPrimary, assertServerVersion } from './checks.ts';
import { type Place, clientOptions } from './client-options.ts';
import type { ClientSettings, CreateClient } from './create-client.ts';
import { clusterNews } from './failover/cluster-news.ts';
import { type News, followFailovers } from './failover/follow.ts';
import { sentinelNews } from './failover/sentinel-news.ts';
import { SlotOwner } from './failover/slot-owner.ts';
import { redisFault } from './faults.ts';
import { closeIfSilent } from './traffic/silence.ts';
import { isClusterUrl, parseClusterUrl } from './url/cluster-url.ts';
import { isSentinelUrl, parseSentinelUrl } from './url/sentinel-url.ts';

/** Calls back with a client, and with every duplicate that BullMQ makes of it. */
function withDuplicates(client: Redis, each: (client: Redis) => void): void {
  each(client);
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (...args) => {
    const another = duplicate(...args);
    withDuplicates(another, each);
    return another;
  };
}

/** Where a URL leads, and where news of another primary comes from. */
function placeOf({ url, prefix }: RedisPlace, create: CreateClient): { place: Place; news?: News } {
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
  /** The URL of one server, of Sentinels or of nodes of a Cluster: see `redisUrlSchema`. */
  url: string;
  /** The prefix of all keys; in a Cluster it decides which node has them. */
  prefix: string;
};

export type OpenClientOptions = {
  /** Added to the options that every connection of Sluice has. */
  options?: ClientSettings;
  /** Called with the client before it connects. */
  prepare?: (client: Redis) => void;
  /** Called with the client before it connects, and with every duplicate of it. */
  each?: (client: Redis) => void;
  /** Makes the clients, including those that ask Sentinels and nodes of a Cluster. Default: ioredis'. */
  create?: CreateClient;
};

const ioredis: CreateClient = (target, options) => new Redis(target, options);

/**
 * Connects, and throws at once for what could never work: no server, a wrong password, an old version, a replica.
 * Afterwards the client reconnects by itself, to whichever server is the primary then, and commands wait for it.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_REDIS_EVICTS
 */
export async function openClient(
  where: RedisPlace,
  { options: own = {}, prepare, each, create: make = ioredis }: OpenClientOptions = {},
): Promise<Redis> {
  const { url, prefix } = where;
  let failure: unknown;
  let open = false;
  const create: CreateClient = (target, options) => make(target, { ...options, ...own });
  const { place, news } = placeOf(where, create);
  const { target, options } = clientOptions(place, () => open);
  const client = create(target, options);
  prepare?.(client);
  withDuplicates(client, (one) => {
    one.on('connect', () => {
      // ioredis adds a listener for every command that fails on a server that it leaves.
      one.stream.setMaxListeners(0);
      closeIfSilent(one.stream);
    });
    if (news !== undefined) followFailovers(one, `${url} ${prefix}`, news);
    each?.(one);
  });
  const note = (error: unknown) => {
    failure ??= error;
  };
  // What one Sentinel said is worth more than that all of them failed, which comes later.
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
