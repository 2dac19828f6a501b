import { type Keys, keysOf } from './keys.ts';

export type ScriptArgument = string | number | Buffer;

/** A state transition in Redis, in one step: its text, its keys and arguments by name, and what its answer means. */
export type Script<Place extends readonly unknown[], Args extends string, Answer> = {
  readonly lua: string;
  /** The keys that it touches, in the order of the text. @param place what they belong to: mostly a queue and a job */
  readonly keys: (keys: Keys, ...place: Place) => string[];
  readonly args: readonly Args[];
  /** `buffers`: strings in the answer come as bytes. */
  readonly answers: 'text' | 'buffers';
  readonly read: (reply: unknown) => Answer;
};

/** First line of the scripts that end jobs: they must run when Redis has reached maxmemory, or nothing would get less. */
export const whenFull = '#!lua flags=allow-oom\n';

/**
 * Defines a script. Its text finds the keys and the arguments in local variables of their names, so the order of them
 * is written once, here.
 *
 * @param definition `keys`: the keys by name; `tail`: more keys, any number, which the text finds in the table
 *   `tail`; `args`: the names of the arguments; `whenFull`: it must run when Redis has
 *   reached maxmemory; `parts`: texts that come before `lua`; `read`: the meaning of the answer
 */
export function defineScript<
  Place extends readonly unknown[],
  const Args extends string,
  Answer,
>(definition: {
  keys: (keys: Keys, ...place: Place) => Record<string, string>;
  tail?: (keys: Keys, ...place: Place) => string[];
  args: readonly Args[];
  whenFull?: boolean;
  parts?: readonly string[];
  lua: string;
  answers?: 'text' | 'buffers';
  read: (reply: unknown) => Answer;
}): Script<Place, Args, Answer> {
  const { keys, tail, args, parts = [], lua, answers = 'text', read } = definition;
  // Only the names: whatever the place is, they are the same.
  const keyNames = Object.keys(keys(keysOf('{}'), ...([] as unknown as Place)));
  const names = [...keyNames, ...args];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`a script has two values of the name "${twice}"`);
  const locals = [
    `local ${keyNames.join(', ')} = unpack(KEYS)`,
    ...(tail === undefined ? [] : [`local tail = {unpack(KEYS, ${keyNames.length + 1})}`]),
    ...(args.length === 0 ? [] : [`local ${args.join(', ')} = unpack(ARGV)`]),
  ];
  return {
    lua: `${definition.whenFull === true ? whenFull : ''}${locals.join('\n')}\n${parts.join('')}${lua}`,
    keys: (all, ...place) => [...Object.values(keys(all, ...place)), ...(tail?.(all, ...place) ?? [])],
    args,
    answers,
    read,
  };
}

/** A script as a Lua function `name(KEYS, ARGV)`, for a script that does what several do. */
export function asFunction(name: string, { lua }: { readonly lua: string }): string {
  return `local function ${name}(KEYS, ARGV)\n${lua.replace(whenFull, '')}\nend\n`;
}

/** Reads the answers of a script that says yes (1) or no. */
export const isOne = (reply: unknown): boolean => reply === 1;

/** Reads the answers of a script that nobody looks at. */
export const ignored = (): void => {};
