import type { Redis } from 'ioredis';

/**
 * A source of news of failovers. The call begins to listen.
 * @param switched called when another server is the primary; `isThere` says whether a client is already connected to it
 * @returns a function that stops listening
 */
export type News = (switched: (isThere?: (client: Redis) => boolean) => void) => () => void;

type Watch = {
  ready(client: Redis): void;
  /** @returns whether it was the last client, so that the watch is over */
  end(client: Redis): boolean;
};

/** One watch for all clients of a source: a process has many, and Sentinels should not serve each of them. */
const watches = new Map<string, Watch>();

function startWatch(news: News): Watch {
  const clients = new Set<Redis>();
  const stale = new Set<Redis>();
  const stop = news((isThere = () => false) => {
    for (const client of clients) {
      if (client.status === 'ready' || client.status === 'connect') {
        if (!isThere(client)) client.disconnect(true);
      }
      // It may have asked for the primary before the switch. Now leave it alone: ioredis would give up for good.
      else if (client.status === 'connecting') stale.add(client);
    }
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
      stop();
      return true;
    },
  };
}

/**
 * Makes a client leave its server when there is another primary. In a manual failover the old primary takes writes for
 * 10 s more before the Sentinels make it a replica, and all of them would be lost. And a frozen server says nothing.
 * @param source what clients of the same news have in common
 */
export function followFailovers(client: Redis, source: string, news: News): void {
  const left = () => {
    if (watches.get(source)?.end(client) === true) watches.delete(source);
  };
  client.on('ready', () => {
    let watch = watches.get(source);
    if (watch === undefined) watches.set(source, (watch = startWatch(news)));
    watch.ready(client);
  });
  client.on('end', left);
  // ioredis reports no end of a client that was waiting to reconnect, and the news would keep the process alive.
  const disconnect = client.disconnect.bind(client);
  client.disconnect = (reconnect = false) => {
    disconnect(reconnect);
    if (!reconnect) left();
  };
}
