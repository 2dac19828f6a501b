import { parseDictionary, parseList } from 'structured-headers';
import type { HeaderLines } from './header-lines.ts';
import type { Quota } from './quota.ts';

/**
 * The quotas of the RateLimit field: a list of `"name";r=<remaining>;t=<seconds>` (draft-ietf-httpapi-ratelimit-
 * headers-08 to -10), or the dictionary `limit=, remaining=, reset=` of the drafts before it, which express-rate-limit
 * and others still send. A malformed field is ignored (RFC 9651 4.2, the draft's section 7).
 *
 * RateLimit-Policy is not read: the length of a window says nothing about when the current one ends, and the draft
 * calls the field informative.
 */
export function rateLimitField(lines: HeaderLines): Quota[] {
  const field = lines.get('ratelimit')?.join(', ');
  if (!field) return [];
  return serviceLimits(field) ?? dictionaryForm(field) ?? [];
}

// Both parameters are non-negative integers; an item with a bad one is malformed. `r` is required, but the draft's own
// example "Missing Remaining information" leaves it out; `t` is optional.
function serviceLimits(field: string): Quota[] | null {
  const list = orNull(() => parseList(field));
  if (!list) return null;
  return list.flatMap(([, parameters]) => {
    const remaining = count(parameters.get('r'));
    const seconds = count(parameters.get('t'));
    if (remaining === null && parameters.has('r')) return [];
    if (seconds === null && parameters.has('t')) return [];
    return [{ remaining, waitMs: seconds === null ? null : seconds * 1000 }];
  });
}

function dictionaryForm(field: string): Quota[] | null {
  const dictionary = orNull(() => parseDictionary(field));
  if (!dictionary) return null;
  const seconds = count(dictionary.get('reset')?.[0]);
  return [
    { remaining: count(dictionary.get('remaining')?.[0]), waitMs: seconds === null ? null : seconds * 1000 },
  ];
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null;
}

function orNull<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch {
    return null;
  }
}
