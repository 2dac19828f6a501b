/** A Redis script: one state transition, one name. `keys` is the number of its keys. */
export type Script = { name: string; keys: number; lua: string };

/** What is needed of a Redis client (ioredis) to bind a script to it. */
type ScriptClient = {
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void;
};

type Argument = string | number | Buffer;

/** A script as a function of its keys and arguments; sent by its hash, loaded when the server lacks it. */
export type BoundScript = (keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/**
 * Registers the script with the client and returns the call.
 * @param answer `buffers`: strings in the answer come as bytes (ioredis' `…Buffer` variant of the command)
 */
export function bindScript(
  client: ScriptClient,
  script: Script,
  answer: 'text' | 'buffers' = 'text',
): BoundScript {
  client.defineCommand(script.name, { numberOfKeys: script.keys, lua: script.lua });
  const commands = client as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
  return (keys, args) =>
    commands[answer === 'text' ? script.name : `${script.name}Buffer`]!(...keys, ...args);
}
