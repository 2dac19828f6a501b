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
  const sha = createHash('sha1').update(lua).digest('hex');
  const call = (command: string, ...rest: ScriptArgument[]) =>
    answers === 'text' ? client.call(command, ...rest) : client.callBuffer(command, ...rest);
  return async (place, args) => {
    const own = script.keys(keys, ...place);
    const values = names.map((name) => args[name]);
    try {
      return read(await call('evalsha', sha, own.length, ...own, ...values));
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return read(await call('eval', lua, own.length, ...own, ...values));
    }
  };
}
