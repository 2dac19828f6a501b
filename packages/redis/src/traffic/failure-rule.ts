import type { Command, Redis } from 'ioredis';

/** What ioredis does not declare of a command: its place in a pipeline or transaction; absent: it was sent alone. */
type PipelineCommand = Command & { pipelineIndex?: number };

/** A command that was refused for now is sent again after this, ms. */
const retryMs = 500;

/** What Redis answers when it can do nothing for now. It has not begun the command. */
const forNow =
  /^(BUSY|LOADING|MISCONF|NOREPLICAS|READONLY|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MASTERDOWN)\b|max number of clients/;

/** A handshake is begun anew with its connection; its commands are not sent again by themselves. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'info']);

/** The answer of a FailureRule that has the command sent once more shortly: Redis has done nothing of it. */
export const retryCommand = Symbol('retry the command');

/** What becomes of a command that failed: the error that its caller gets, or `retryCommand`. */
export type FailureRule = (error: unknown) => unknown;

/**
 * True when Redis refuses all writes, or everything, for now: it loads its data, it is a replica now, its disk is full,
 * a script keeps it busy, or its keys are going to another node.
 */
export function isUnavailableForNow(error: unknown): boolean {
  return error instanceof Error && forNow.test(error.message);
}

/**
 * What Redis answers besides that is not about the command either: it has no memory left for now, does not know this
 * connection (yet), or an operator ended the script.
 */
const notOfTheCommand = /^(OOM|NOAUTH|WRONGPASS|NOSCRIPT|UNBLOCKED)\b|Script killed/;

/**
 * True when Redis refuses a command for what it is, or a script failed in Redis: with the same keys and values it would
 * fail again. What a script wrote before it failed stays.
 */
export function isScriptFault(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false;
  return !isUnavailableForNow(error) && !notOfTheCommand.test(error.message);
}

/** Commands of a client fail by a rule. A part of a transaction cannot be sent again alone: it fails with what Redis said. */
export function withFailureRule(client: Redis, rule: FailureRule): Redis {
  const send = client.sendCommand.bind(client);
  const seen = new WeakSet<Command>();
  client.sendCommand = (command: PipelineCommand, ...rest) => {
    const isHandshake = client.status !== 'ready' && handshake.has(command.name.toLowerCase());
    // It comes by again when it was queued, or sent before the connection was lost.
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
