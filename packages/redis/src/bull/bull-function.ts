import { createHash } from 'node:crypto';
import { knownTexts } from './known-texts.ts';

/** A script as BullMQ ships it (`bullmq/dist/cjs/scripts`). */
export type BullScript = { name: string; content: string; keys: number };

/**
 * A script of BullMQ, unchanged, as a local Lua function of its name, so that one EVALSHA can run it for many jobs. Its
 * parameters hide the globals of their names: `name(KEYS, ARGV, cmsgpack, redis)`. Numbers in ARGV must be texts, as
 * they are when Redis passes them.
 * @returns null when this text is not known (known-texts.ts), or is not a script at all
 */
export function bullFunction(script: Partial<BullScript> | undefined): string | null {
  const { name = '', content } = script ?? {};
  if (typeof content !== 'string' || !isKnown(name, content)) return null;
  return `local function ${name}(KEYS, ARGV, cmsgpack, redis)\n${content}\nend\n`;
}

function isKnown(name: string, content: string): boolean {
  const sha = createHash('sha256').update(content).digest('hex');
  return knownTexts[name]?.includes(sha) === true;
}
