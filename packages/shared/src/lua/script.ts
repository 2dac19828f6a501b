import { createHash } from 'node:crypto';

/** A Redis script: one state transition, one name. `keys` is the number of its keys. */
export type Script = { name: string; keys: number; lua: string };

/** First line of the scripts that end jobs: they must run when Redis has reached maxmemory, or nothing would get less. */
export const whenFull = '#!lua flags=allow-oom\n';

type Argument = string | number | Buffer;

/** What is needed of a Redis client (ioredis) to call a script. */
type ScriptClient = {
  call(command: string, ...args: Argument[]): Promise<unknown>;
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>;
};

/** A script as a function of its keys and arguments; sent by its hash, loaded when the server lacks it. */
export type BoundScript = (keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/**
 * The call of a script on a client.
 * @param answer `buffers`: strings in the answer come as bytes
 */
export function bindScript(
  client: ScriptClient,
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
