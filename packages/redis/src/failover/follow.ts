import type { Redis } from 'ioredis';

/**
 * Where news of failovers come from. Begins to listen for them.
 * @param switched to be called when another server is the primary; `isThere` tells whether a client is with it already
 * @returns ends the listening
 */
export type News = (switched: (isThere?: (client: Redis) => boolean) => void) => () => void;

type Watch = {
  ready(client: Redis): void;
  /** @returns whether it was the last, and the watch is over */
  end(client: Redis): boolean;
};

/** One watch for all clients of a source: a process has many, and Sentinels have other things to do. */
const watches = new Map<string, Watch>();

function startWatch(news: News): Watch {
  const clients = new Set<Redis>();
  const stale = new Set<Redis>();
  const stop = news((isThere = () => false) => {
    for (const client of clients) {
      if (client.status === 'ready' || client.status === 'connect') {
        if (!isThere(client)) client.disconnect(true);
      }
      // It may have asked before. Now it must be left alone: ioredis would give it up for good.
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
 * Makes a client leave its server when there is another primary. In a failover that was ordered, the old one takes
 * writes for 10 s more before the Sentinels make it a replica, and all of them would be lost; and one that is frozen
 * says nothing.
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
  // ioredis does not tell the end of a client that was waiting to connect again, and the news would keep the process.
  const disconnect = client.disconnect.bind(client);
  client.disconnect = (reconnect = false) => {
    disconnect(reconnect);
    if (!reconnect) left();
  };
}
