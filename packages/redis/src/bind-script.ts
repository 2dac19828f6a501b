import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Script } from '@sluice/shared';

type Argument = string | number | Buffer;

/** A script as a function of its keys and arguments; sent by its hash, loaded when the server lacks it. */
export type BoundScript = (keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/**
 * The call of a script on a client.
 * @param answer `buffers`: strings in the answer come as bytes
 */
export function bindScript(
  client: Redis,
  { keys: count, lua }: Script,
  answer: 'text' | 'buffers' = 'text',
): BoundScript {
  const sha = createHash('sha1').update(lua).digest('hex');
  const call = (command: string, ...rest: Argument[]) =>
    answer === 'text' ? client.call(command, ...rest) : client.callBuffer(command, ...rest);
  return async (keys, args) => {
    try {
      return await call('evalsha', sha, count, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await call('eval', lua, count, ...keys, ...args);
    }
  };
}
