import { decimalMs, unitNs } from './decimal.ts';
import { type ResetUnit, delayOrEpoch } from './delay-or-epoch.ts';
import { goDurationMs } from './go-duration.ts';
import { type HeaderLines, headerValues } from './header-lines.ts';
import { httpDate } from './http-date.ts';
import { longest } from './longest.ts';
import type { Quota } from './quota.ts';
import { rfc3339 } from './rfc3339.ts';

/*
 * No standard defines these headers; what vendors share is "rate limit" and a word. The vendor stands before it, the
 * dimension that is counted on either side of the word:
 *   x-ratelimit-remaining                GitHub, Discord, Akamai    ratelimit-remaining          GitLab, draft-06
 *   x-rate-limit-remaining               X, Okta                    x-ratelimit-remaining-tokens OpenAI
 *   anthropic-ratelimit-tokens-remaining Anthropic                  x-rate-limit-api-key-remaining Trello
 */
const fieldName =
  /^(?<vendor>.*?rate-?limit)-(?:(?<before>.+?)-)?(?<word>remaining|reset-after|next|reset-?time|reset)(?:-(?<after>.+))?$/;

// The most precise first. Discord: a relative reset-after beats the absolute reset. Akamai: next is the next refill,
// reset the full bucket. GitLab: reset-time repeats reset as an HTTP-date.
const resetWords = ['reset-after', 'next', 'reset', 'reset-time'] as const;
type ResetWord = (typeof resetWords)[number];
type Dimension = Partial<Record<ResetWord | 'remaining', string[]>>;
const words = new Map<string, keyof Dimension>([
  ['remaining', 'remaining'],
  ...resetWords.map((word) => [word, word] as const),
  ['resettime', 'reset-time'],
]);

/**
 * The quotas of the X-RateLimit-*, RateLimit-* and X-Rate-Limit-* families and their vendor forms, one for each
 * vendor prefix and dimension (requests, tokens, ...).
 * @param serverNow epoch ms, what absolute resets are judged against
 * @param unit what a bare number in `reset` counts; default: by its size
 */
export function xRateLimit(lines: HeaderLines, serverNow: number, unit?: ResetUnit): Quota[] {
  const dimensions = new Map<string, Dimension>();
  for (const name of lines.keys()) {
    const { vendor, before = '', word, after = '' } = fieldName.exec(name)?.groups ?? {};
    const meaning = words.get(word ?? '');
    if (!meaning) continue;
    const key = JSON.stringify([vendor, before, after]);
    const dimension = dimensions.get(key) ?? {};
    dimension[meaning] = [...(dimension[meaning] ?? []), ...headerValues(lines, name)];
    dimensions.set(key, dimension);
  }
  return [...dimensions.values()].flatMap((dimension) => quotas(dimension, serverNow, unit));
}

function quotas(dimension: Dimension, serverNow: number, unit?: ResetUnit): Quota[] {
  const remaining = (dimension.remaining ?? []).map(unitsLeft);
  const waits =
    resetWords
      .map((word) => (dimension[word] ?? []).map((value) => resetWaitMs(word, value, serverNow, unit)))
      .find((read) => read.some((wait) => wait !== null)) ?? [];
  // Lists of the same length are windows side by side (`0, 99` and `3, 60`). Of other lists it is not known which
  // values belong together: the least remaining and the longest wait count.
  if (remaining.length === waits.length) {
    return remaining.map((left, at) => ({ remaining: left, waitMs: waits[at] ?? null }));
  }
  const known = remaining.filter((left) => left !== null).sort((a, b) => a - b);
  return [{ remaining: known[0] ?? null, waitMs: longest(waits) }];
}

// Reddit sends `0.0`, Azure OpenAI `-1`.
function unitsLeft(value: string): number | null {
  return /^-?[0-9]+(?:\.[0-9]+)?$/.test(value) ? Number(value) : null;
}

function resetWaitMs(word: ResetWord, value: string, serverNow: number, unit?: ResetUnit): number | null {
  const number = word === 'reset-after' ? decimalMs(value, unitNs.s) : delayOrEpoch(value, serverNow, unit);
  const relative = number ?? goDurationMs(value);
  if (relative !== null) return relative;
  const moment = rfc3339(value) ?? httpDate(value, serverNow);
  return moment === null ? null : Math.max(0, moment - serverNow);
}
