import type { Duplex } from 'node:stream';
import type { Redis } from 'ioredis';

/**
 * Sends the commands of one turn of the event loop in one write. (ioredis' auto-pipelining does so, too, but each time
 * it builds a pipeline object with every command on it, which cost a quarter of a worker's CPU. And a pipeline knows
 * only the scripts that were defined before it began.)
 */
export function corkPerTurn(client: Redis): Redis {
  const send = client.sendCommand.bind(client);
  let corked: Duplex | null = null;
  const uncork = () => {
    corked?.uncork();
    corked = null;
  };
  client.sendCommand = (...args) => {
    // ioredis declares a stream, but before the first connection there is none.
    const stream: Duplex | undefined = client.stream;
    if (corked === null && stream !== undefined) {
      corked = stream;
      corked.cork();
      setImmediate(uncork);
    }
    return send(...args);
  };
  return client;
}

/** Writes what was sent so far in this turn of the event loop, for a caller who has collected the turn's commands. */
export function writeNow(client: Redis): void {
  // Corked once at most; the uncork at the end of the turn then does nothing.
  const stream: Duplex | undefined = client.stream;
  stream?.uncork();
}
