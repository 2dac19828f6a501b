import type { Duplex } from 'node:stream';

/** What is needed of a Redis client (ioredis): every command goes through `sendCommand`, to the socket `stream`. */
type CommandClient = { stream?: Duplex | null; sendCommand(...args: never[]): unknown };

/**
 * Sends the commands of one turn of the event loop in one write. (ioredis' own auto-pipelining does so, too, but builds
 * a pipeline object with every command on it each time, which cost a quarter of a worker's CPU; and a pipeline knows
 * only the scripts that were defined before it began.)
 */
export function corkPerTurn<T extends CommandClient>(client: T): T {
  const send = client.sendCommand.bind(client) as (...args: unknown[]) => unknown;
  let corked: Duplex | null = null;
  const uncork = () => {
    corked?.uncork();
    corked = null;
  };
  Object.assign(client, {
    sendCommand: (...args: unknown[]) => {
      if (corked === null && client.stream) {
        corked = client.stream;
        corked.cork();
        setImmediate(uncork);
      }
      return send(...args);
    },
  });
  return client;
}
