import type { News } from './failover-watch.ts';
import type { SentinelAddress } from './sentinel-url.ts';
import { formatHost } from './several-hosts.ts';

/** What is needed of a Redis client (ioredis) to listen to a Sentinel. */
export type ListeningClient = {
  connect(): Promise<void>;
  disconnect(): void;
  subscribe(channel: string): Promise<unknown>;
  on(event: 'ready', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
};

const channel = '+switch-master';

/** Each Sentinel tells when another server is the primary. @param create makes the client of a Sentinel */
export function sentinelNews(
  address: SentinelAddress,
  create: (target: string, options: object) => ListeningClient,
): News {
  const { sentinels, name, tls, sentinelUsername, sentinelPassword } = address;
  return (switched) => {
    let last = '';
    const heard = (_channel: string, text: string) => {
      // Every Sentinel says it.
      if (text === last || text.split(' ', 1)[0] !== name) return;
      last = text;
      switched();
    };
    const clients = sentinels.map((sentinel) => {
      const client = create(`redis://${formatHost(sentinel)}`, {
        ...(sentinelUsername !== '' && { username: sentinelUsername }),
        ...(sentinelPassword !== '' && { password: sentinelPassword }),
        ...(tls && { tls: {} }),
        lazyConnect: true,
        enableReadyCheck: false,
        maxRetriesPerRequest: null,
        retryStrategy: (times: number) => Math.min(10_000, 100 * 2 ** Math.min(times, 7)),
      });
      // One that is gone comes back, or the others tell.
      client.on('error', () => {});
      client.on('message', heard);
      // Not before: whoever creates clients may want commands to fail while they are not connected.
      client.on('ready', () => void client.subscribe(channel).catch(() => {}));
      client.connect().catch(() => {});
      return client;
    });
    return () => {
      for (const client of clients) client.disconnect();
    };
  };
}
