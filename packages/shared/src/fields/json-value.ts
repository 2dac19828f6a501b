import { z } from 'zod';

/** What JSON can hold. */
export type Json = z.core.util.JSONType;

const tooDeep = (depth: number) => `is nested more than ${depth} deep`;

/** The JSON of a value, or why it has none, as the end of a sentence. */
function textOf(value: unknown, depth: number): { text: string } | { fault: string } {
  try {
    // A value without a text (undefined, a function) gets its fault below.
    return { text: JSON.stringify(value) ?? '' };
  } catch (error) {
    const { message } = error as Error;
    if (!(error instanceof RangeError)) return { fault: `is not JSON: ${message.split('\n', 1)[0]}` };
    return { fault: message.includes('string length') ? 'is too large' : tooDeep(depth) };
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The second check is for an object from another realm.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What this value is, if JSON cannot hold it; null: it can, apart from the values inside it. */
function foreign(value: unknown): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : String(value);
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  if (Array.isArray(value) || isPlain(value)) return null;
  return `an object of the class ${value.constructor?.name ?? 'unknown'}`;
}

/**
 * Why JSON cannot hold a value within these bounds, as the end of a sentence; null: it can. Level by level, not by
 * recursion: a value of a few KB can be nested deeper than the stack.
 * @param most `depth`: of nested arrays and objects; `length`: of its text, in UTF-16 units
 */
function faultOf(value: unknown, most: { depth: number; length?: number }): string | null {
  // First, because it also finds cycles, whose levels would never end.
  const written = textOf(value, most.depth);
  if ('fault' in written) return written.fault;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const inner: unknown[] = [];
    for (const item of level) {
      const name = foreign(item);
      if (name !== null) return `holds ${name}, which JSON does not have`;
      if (typeof item !== 'object' || item === null) continue;
      if (depth === most.depth) return tooDeep(most.depth);
      // Holes of an array are undefined.
      if (Array.isArray(item)) for (let index = 0; index < item.length; index++) inner.push(item[index]);
      else for (const key of Object.keys(item)) inner.push((item as Record<string, unknown>)[key]);
    }
    level = inner;
  }
  if (most.length !== undefined && written.text.length > most.length) {
    return `is larger than ${most.length / 1024} KiB as JSON`;
  }
  return null;
}

/** A value that JSON can hold, within bounds. Not `z.json()`: that recurses, and takes 20 times as long. */
export function jsonValue(most: { depth: number; length?: number }) {
  return z.custom<Json>().superRefine((value, ctx) => {
    const fault = faultOf(value, most);
    if (fault !== null) ctx.addIssue(fault);
  });
}
