import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';

/** After a server refused a write it is not asked again for so long, ms: it would refuse it again. */
const refusedMs = 500;

/**
 * What a server answers to writes when it became a replica, or has lost the replicas that it must have
 * (min-replicas-to-write). It answers so before anything was written.
 */
const refusesWrites = /^(READONLY|MASTERDOWN|NOREPLICAS)\b/;

/** The options that every connection of Sluice has, and BullMQ's duplicates of it. ioredis' words. */
export type ClientOptions = ReturnType<typeof common> & Partial<ReturnType<typeof throughSentinel>>;

/** Lengthening delays, so that a server that comes back is not met by every client at once, ms. */
const backoff = (times: number) => Math.min(2000, 50 * 2 ** Math.min(times, 6));

function common(isOpen: () => boolean) {
  let refused = false;
  return {
    // Commands wait through a reconnect instead of failing after twenty tries.
    maxRetriesPerRequest: null,
    // A pending command without an answer for so long means that the connection died silently.
    // Longer than any blocking read.
    socketTimeout: 15_000,
    connectTimeout: 5000,
    lazyConnect: true,
    // The first connection is not tried again: whoever starts wants to know now.
    retryStrategy: (times: number) => {
      if (!isOpen()) return null;
      const least = refused ? refusedMs : 0;
      refused = false;
      return Math.max(least, backoff(times));
    },
    // Reconnect, perhaps to another primary, and send the command again (2). Not for the commands of a transaction: there
    // the answer is part of EXEC's, as long as its scripts have no flags of their own.
    reconnectOnError: ({ message }: Error): 2 | false => {
      if (!refusesWrites.test(message)) return false;
      refused = true;
      return 2;
    },
  };
}

function throughSentinel(url: string, isOpen: () => boolean) {
  const address = parseSentinelUrl(url);
  if (Array.isArray(address)) throw new Error(address.join('; '));
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

/**
 * What a client of a URL is made of: a URL or socket path that ioredis understands, and options on top of it.
 * @param isOpen whether the first connection came about; only then is it tried again
 */
export function clientOptions(
  url: string,
  isOpen: () => boolean,
): { target: string; options: ClientOptions } {
  if (isSentinelUrl(url)) {
    const options = { ...common(isOpen), ...throughSentinel(url, isOpen) };
    const { host, port } = options.sentinels[0]!;
    // The options go before it; it only names the server in traces.
    return { target: `redis://${host.includes(':') ? `[${host}]` : host}:${port}`, options };
  }
  const { protocol, pathname } = new URL(url);
  const target = protocol === 'redis+unix:' ? decodeURIComponent(pathname) : url;
  return { target, options: common(isOpen) };
}
