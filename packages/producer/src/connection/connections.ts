import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import {
  type CreateClient,
  type OpenClientOptions,
  type RedisPlace,
  retryCommand,
  corkPerTurn,
  withFailureRule,
  isUnavailableForNow,
  heartbeat,
  openClient,
  redisFault,
} from '@sluice/redis';
import { SluiceError } from '@sluice/shared';
import { clientClosed } from '../closed.ts';

type Command = { promise: Promise<unknown>; reject(error: Error): void };

/** Fields of a client that ioredis does not declare. */
type Internals = {
  /** Commands that had no answer when the connection was lost; the next connection sends them again. */
  prevCommandQueue?: { shift(): { command: Command } | undefined } | null;
  flushQueue(error: Error): void;
};

/** What calls do while Redis does not answer. */
export type WhenDown = 'wait' | 'fail';

/** The connections of one client. */
export type Connections = {
  whenDown: WhenDown;
  /** For all commands but those that block. */
  commands: Redis;
  /** Opens a connection that may block for up to `blockMs`, or listen. @param signal ends the waiting for Redis */
  open: (signal?: AbortSignal) => Promise<Redis>;
  /** How long a read may block, ms. */
  blockMs: number;
};

/** With `fail`, a command that has no answer after this has failed, ms. */
export const failAfterMs = 1000;

/** Shorter than `socketTimeout`, after which a silent connection counts as dead. */
const blockMs = 5000;
const failingBlockMs = 500;
const openAgainMs = 250;

const impatient = (ms: number) => ({ enableOfflineQueue: false, commandTimeout: ms });

/** Turns errors of Redis and of its connection into errors of Sluice. Errors about the command stay as they are. */
export function commandFault(error: unknown, url: string, isClosed: boolean): unknown {
  if (error instanceof SluiceError) return error;
  if (isClosed) {
    return clientClosed(error);
  }
  // Of Redis' own errors, only some are about the server and not about the command.
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (
    isReply &&
    !isUnavailableForNow(error) &&
    !/^(OOM|NOAUTH|NOPERM|WRONGPASS|READONLY)\b/.test(error.message)
  ) {
    return error;
  }
  return redisFault(error, url);
}

/** Where Redis is, and what makes the connections, if not ioredis. */
export type Server = RedisPlace & { create?: CreateClient };

/** @throws SluiceError as `connect` does */
export async function openConnections(place: Server, whenDown: WhenDown): Promise<Connections> {
  const connected = async (options: NonNullable<OpenClientOptions['options']>) =>
    await openClient(place, {
      options,
      ...(place.create !== undefined && { create: place.create }),
      prepare: (client) => {
        withFailureRule(client, (error) =>
          whenDown === 'wait' && isUnavailableForNow(error)
            ? retryCommand
            : commandFault(error, place.url, client.status === 'end'),
        );
      },
    });
  const isFailing = whenDown === 'fail';
  const commands = corkPerTurn(await connected(isFailing ? impatient(failAfterMs) : {}));
  return {
    whenDown,
    commands,
    blockMs: isFailing ? failingBlockMs : blockMs,
    open: async (signal) => {
      for (;;) {
        try {
          return heartbeat(await connected(isFailing ? impatient(failingBlockMs + failAfterMs) : {}));
        } catch (error) {
          const isAway = error instanceof SluiceError && error.code === 'SLUICE_REDIS_UNREACHABLE';
          if (isFailing || !isAway || commands.status === 'end' || signal?.aborted === true) throw error;
        }
        await sleep(openAgainMs);
      }
    },
  };
}

/**
 * Closes a connection at once, and ends every call on it. ioredis forgets the commands that were under way when the
 * connection was lost; if it is closed while it waits to reconnect, it also forgets those that wait.
 */
export function disconnect(client: Redis): void {
  const closed = clientClosed();
  const internals = client as unknown as Internals;
  const { prevCommandQueue: lost } = internals;
  const refuse = (command: Command) => {
    command.reject(closed);
    return command.promise;
  };
  Object.assign(client, { sendCommand: refuse });
  client.disconnect();
  internals.flushQueue(closed);
  for (let item = lost?.shift(); item !== undefined; item = lost?.shift()) item.command.reject(closed);
}
