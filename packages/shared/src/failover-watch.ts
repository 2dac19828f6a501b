import { parseSentinelUrl } from './sentinel-url.ts';

/** What is needed of a Redis client (ioredis) to follow failovers with it, and of one of a Sentinel to hear of them. */
export type FollowingClient = {
  readonly status: string;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  subscribe(channel: string): Promise<unknown>;
  on(event: 'ready' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
};

type Watch = {
  ready(client: FollowingClient): void;
  /** @returns whether it was the last, and the watch is over */
  end(client: FollowingClient): boolean;
};

const channel = '+switch-master';

/** One watch for all clients of a URL: a process has many, and Sentinels have other things to do. */
const watches = new Map<string, Watch>();

/** @param create makes the client of a Sentinel */
function startWatch(url: string, create: (target: string, options: object) => FollowingClient): Watch {
  const address = parseSentinelUrl(url);
  if (Array.isArray(address)) throw new Error(address.join('; '));
  const clients = new Set<FollowingClient>();
  const stale = new Set<FollowingClient>();
  let last = '';
  const heard = (_channel: string, text: string) => {
    // Every Sentinel says it.
    if (text === last || text.split(' ', 1)[0] !== address.name) return;
    last = text;
    for (const client of clients) {
      if (client.status === 'ready' || client.status === 'connect') client.disconnect(true);
      // It may have asked before. Now it must be left alone: ioredis would give it up for good.
      else if (client.status === 'connecting') stale.add(client);
    }
  };
  const sentinels = address.sentinels.map(({ host, port }) => {
    const sentinel = create(`redis://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      ...(address.sentinelUsername !== '' && { username: address.sentinelUsername }),
      ...(address.sentinelPassword !== '' && { password: address.sentinelPassword }),
      ...(address.tls && { tls: {} }),
      lazyConnect: true,
      enableReadyCheck: false,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(10_000, 100 * 2 ** Math.min(times, 7)),
    });
    // One that is gone comes back, or the others tell.
    sentinel.on('error', () => {});
    sentinel.on('message', heard);
    // Not before: whoever creates clients may want commands to fail while they are not connected.
    sentinel.on('ready', () => void sentinel.subscribe(channel).catch(() => {}));
    sentinel.connect().catch(() => {});
    return sentinel;
  });
  return {
    ready: (client) => {
      clients.add(client);
      if (stale.delete(client)) client.disconnect(true);
    },
    end: (client) => {
      clients.delete(client);
      stale.delete(client);
      if (clients.size > 0) return false;
      for (const sentinel of sentinels) sentinel.disconnect();
      return true;
    },
  };
}

/**
 * Makes a client leave its server when the Sentinels have another primary. In a failover that was ordered, the old one
 * takes writes for 10 s more before the Sentinels make it a replica, and all of them would be lost.
 */
export function followFailovers(
  client: FollowingClient,
  url: string,
  create: (target: string, options: object) => FollowingClient,
): void {
  client.on('ready', () => {
    let watch = watches.get(url);
    if (watch === undefined) watches.set(url, (watch = startWatch(url, create)));
    watch.ready(client);
  });
  client.on('end', () => {
    if (watches.get(url)?.end(client) === true) watches.delete(url);
  });
}
