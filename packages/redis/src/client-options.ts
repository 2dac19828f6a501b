import { clusterConnector } from './failover/cluster-connector.ts';
import type { ClusterAddress } from './url/cluster-url.ts';
import type { SentinelAddress } from './url/sentinel-url.ts';
import { formatHost } from './url/hosts.ts';
import type { SlotOwner } from './failover/slot-owner.ts';

/** Where Redis is, as its URL says. */
export type Place =
  | { kind: 'server'; url: string }
  | { kind: 'sentinel'; address: SentinelAddress }
  | { kind: 'cluster'; address: ClusterAddress; owner: SlotOwner };

/** A server that takes no writes for now is asked again after this, ms. */
const unavailableMs = 500;

/**
 * What a server answers to writes when it became a replica, or lost the replicas that it must have
 * (min-replicas-to-write). It answers this before it writes anything.
 */
const writesUnavailable = /^(READONLY|MASTERDOWN|NOREPLICAS)\b/;

/** What a node of a Cluster answers without the slot: another node has it, or nobody has it for now. */
const hasNotTheSlot = /^(MOVED|CLUSTERDOWN)\b/;

/** What a node answers while it gives its slot away, key by key: soon another node has all of it. */
const givesSlotAway = /^(ASK|TRYAGAIN)\b/;

/** Commands that wait in Redis. They are never part of a transaction. */
const blocks = new Set(['bzpopmin', 'xread']);

/** An error that Redis answered to a command. */
type ReplyError = Error & { command?: { name: string } };

/** 1: leave the server that gave this answer. 2: also send the command again to the next one. */
type Judgement = 1 | 2 | false;

/** The options of every connection of Sluice, and of BullMQ's duplicates of it, in ioredis' words. */
export type ClientOptions = ReturnType<typeof common> &
  Partial<ReturnType<typeof throughSentinel>> &
  Partial<ReturnType<typeof throughCluster>>;

/** Growing delays, so that not every client reconnects at once when a server comes back, ms. */
const backoff = (times: number) => Math.min(2000, 50 * 2 ** Math.min(times, 6));

// The parts of a transaction are not judged: their answers are part of EXEC's, unless a script has flags of its own.
const judge = ({ message }: ReplyError): Judgement => (writesUnavailable.test(message) ? 2 : false);

/** Here the parts of a transaction fail one by one: if one were sent again alone, it would run without the others. */
function judgeNode(error: ReplyError): Judgement {
  const isAlone = blocks.has(error.command?.name.toLowerCase() ?? '');
  if (hasNotTheSlot.test(error.message)) return isAlone ? 2 : 1;
  // `withFailureRule` sends the others again.
  if (givesSlotAway.test(error.message)) return isAlone ? 2 : false;
  return judge(error);
}

function common(isOpen: () => boolean, judged: (error: ReplyError) => Judgement = judge) {
  let wasUnavailable = false;
  return {
    // Commands wait through a reconnect instead of failing after twenty tries.
    maxRetriesPerRequest: null,
    // If a command has no answer for this long, the connection died silently.
    // Longer than any blocking read.
    socketTimeout: 15_000,
    connectTimeout: 5000,
    lazyConnect: true,
    // The first connection is not retried: whoever starts wants to know now.
    retryStrategy: (times: number) => {
      if (!isOpen()) return null;
      const least = wasUnavailable ? unavailableMs : 0;
      wasUnavailable = false;
      return Math.max(least, backoff(times));
    },
    // Reconnect, perhaps to another primary.
    reconnectOnError: (error: ReplyError): Judgement => {
      const judgement = judged(error);
      // Another node has taken the slot: we can ask it at once.
      if (judgement !== false && !error.message.startsWith('MOVED')) wasUnavailable = true;
      return judgement;
    },
  };
}

function throughSentinel(address: SentinelAddress, isOpen: () => boolean) {
  const { sentinels, name, db, tls, username, password, sentinelUsername, sentinelPassword } = address;
  return {
    sentinels,
    name,
    db,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(sentinelUsername !== '' && { sentinelUsername }),
    ...(sentinelPassword !== '' && { sentinelPassword }),
    ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    // A Sentinel that does not answer must not keep the others from being asked.
    sentinelCommandTimeout: 2000,
    // Without a number the client would be dead for good.
    sentinelRetryStrategy: (times: number) => (isOpen() ? backoff(times) : null),
  };
}

function throughCluster({ tls, username, password }: ClusterAddress, owner: SlotOwner) {
  return {
    Connector: clusterConnector((signal) => owner.find(signal), tls),
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(tls && { tls: {} }),
  };
}

/**
 * What a client is made of: a URL or socket path that ioredis understands, and options on top of it.
 * @param isOpen whether the first connection was made; only then is a lost one retried
 */
export function clientOptions(
  place: Place,
  isOpen: () => boolean,
): { target: string; options: ClientOptions } {
  // The options go before the target; it only names the server in traces.
  if (place.kind === 'sentinel') {
    const options = { ...common(isOpen), ...throughSentinel(place.address, isOpen) };
    return { target: `redis://${formatHost(options.sentinels[0]!)}`, options };
  }
  if (place.kind === 'cluster') {
    const options = { ...common(isOpen, judgeNode), ...throughCluster(place.address, place.owner) };
    return { target: `redis://${formatHost(place.address.nodes[0]!)}`, options };
  }
  const { protocol, pathname } = new URL(place.url);
  const target = protocol === 'redis+unix:' ? decodeURIComponent(pathname) : place.url;
  return { target, options: common(isOpen) };
}
