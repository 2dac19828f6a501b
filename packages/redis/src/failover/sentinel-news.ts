import type { CreateClient } from '../create-client.ts';
import type { News } from './follow.ts';
import type { SentinelAddress } from '../url/sentinel-url.ts';
import { formatHost } from '../url/hosts.ts';

const channel = '+switch-master';

/** Each Sentinel says when another server is the primary. @param create makes the client of a Sentinel */
export function sentinelNews(address: SentinelAddress, create: CreateClient): News {
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
      // A Sentinel that is gone comes back, or the others tell us.
      client.on('error', () => {});
      client.on('message', heard);
      // Not earlier: whoever creates clients may want commands to fail while they are not connected.
      client.on('ready', () => void client.subscribe(channel).catch(() => {}));
      client.connect().catch(() => {});
      return client;
    });
    return () => {
      for (const client of clients) client.disconnect();
    };
  };
}
