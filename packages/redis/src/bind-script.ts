import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Keys, Script, ScriptArgument } from '@sluice/shared';

/**
 * A script as a function. It is sent by its hash, and loaded when the server lacks it.
 * @param place what its keys belong to, usually a queue and a job
 */
export type BoundScript<Place extends readonly unknown[], Args extends string, Answer> = (
  place: Place,
  args: Readonly<Record<Args, ScriptArgument>>,
) => Promise<Answer>;

/** The type of a script's calls: `BoundTo<typeof permitScript>`. */
export type BoundTo<Of> =
  Of extends Script<infer Place, infer Args, infer Answer> ? BoundScript<Place, Args, Answer> : never;

/** The calls of a script on a client. */
export function bindScript<Place extends readonly unknown[], Args extends string, Answer>(
  client: Redis,
  keys: Keys,
  script: Script<Place, Args, Answer>,
): BoundScript<Place, Args, Answer> {
  const { lua, args: names, answers, read } = script;
  const call = bindText(client, lua, answers);
  return async (place, args) =>
    read(
      await call(
        script.keys(keys, ...place),
        names.map((name) => args[name]),
      ),
    );
}

/** The calls of a script whose keys and arguments have no names. */
export function bindText(
  client: Redis,
  lua: string,
  answers: 'text' | 'buffers' = 'text',
): (keys: readonly string[], args: readonly ScriptArgument[]) => Promise<unknown> {
  const sha = createHash('sha1').update(lua).digest('hex');
  const call = (command: string, ...rest: ScriptArgument[]) =>
    answers === 'text' ? client.call(command, ...rest) : client.callBuffer(command, ...rest);
  return async (keys, args) => {
    try {
      return await call('evalsha', sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await call('eval', lua, keys.length, ...keys, ...args);
    }
  };
}
