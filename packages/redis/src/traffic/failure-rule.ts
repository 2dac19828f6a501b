import type { Command, Redis } from 'ioredis';

/** ioredis does not declare the command's place in a pipeline or transaction; absent: it was sent alone. */
type PipelineCommand = Command & { pipelineIndex?: number };

/** A command that failed because Redis is unavailable is sent again after this, ms. */
const retryMs = 500;

/** What Redis answers while it is unavailable. It has not begun the command. */
const forNow =
  /^(BUSY|LOADING|MISCONF|NOREPLICAS|READONLY|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MASTERDOWN)\b|max number of clients/;

/** Every connection begins with a new handshake, so its commands are not sent again alone. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'info']);

/** A FailureRule returns this to have the command sent again shortly: Redis has done nothing of it. */
export const retryCommand = Symbol('retry the command');

/** Says what happens to a command that failed: the error that its caller gets, or `retryCommand`. */
export type FailureRule = (error: unknown) => unknown;

/**
 * True when Redis takes no writes, or no commands, for now: it loads its data, it is a replica now, its disk is full, a
 * script keeps it busy, or its keys are moving to another node.
 */
export function isUnavailableForNow(error: unknown): boolean {
  return error instanceof Error && forNow.test(error.message);
}

/**
 * Other answers of Redis that are not about the command: it has no memory left for now, does not know this connection
 * (yet), or an operator ended the script.
 */
const notOfTheCommand = /^(OOM|NOAUTH|WRONGPASS|NOSCRIPT|UNBLOCKED)\b|Script killed/;

/**
 * True when Redis rejects the command itself, or a script failed in Redis: with the same keys and values it would fail
 * again. What a script wrote before it failed stays.
 */
export function isScriptFault(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false;
  return !isUnavailableForNow(error) && !notOfTheCommand.test(error.message);
}

/** Makes the commands of a client fail by a rule. A part of a transaction cannot be sent again alone: it just fails. */
export function withFailureRule(client: Redis, rule: FailureRule): Redis {
  const send = client.sendCommand.bind(client);
  const seen = new WeakSet<Command>();
  client.sendCommand = (command: PipelineCommand, ...rest) => {
    const isHandshake = client.status !== 'ready' && handshake.has(command.name.toLowerCase());
    // A command comes by again if it was queued, or was sent before the connection was lost.
    if (!isHandshake && !seen.has(command)) {
      seen.add(command);
      const reject = command.reject;
      command.reject = (error) => {
        const failure = rule(error);
        if (failure !== retryCommand) reject(failure as Error);
        else if (command.pipelineIndex !== undefined) reject(error);
        else setTimeout(() => send(command, ...rest), retryMs);
      };
    }
    return send(command, ...rest);
  };
  return client;
}
