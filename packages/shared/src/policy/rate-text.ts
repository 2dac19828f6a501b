import type { RateInput } from './policy-types.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  msec: 1,
  s: second,
  sec: second,
  second,
  m: minute,
  min: minute,
  minute,
  h: hour,
  hr: hour,
  hour,
  d: day,
  day,
};

/** A longer text is not kept: nobody writes a rate in so many characters. */
const longestText = 40;

/** Milliseconds of a window as people write it: `60s`, `min`, `1h`, `30 seconds`; null: it is none. Pure. */
export function parseWindow(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)?\s*([a-z]+)$/i.exec(text.trim());
  if (match === null) return null;
  const word = match[2]!.toLowerCase();
  const unit = unitMs[word] ?? (word.length > 2 ? unitMs[word.replace(/s$/, '')] : undefined);
  return unit === undefined ? null : Math.round(Number(match[1] ?? 1) * unit);
}

/** `100/60s`, `100/min`, `10 per 30 seconds` -> requests and ms; null: the text is not of that form. Pure. */
export function parseRateText(text: string): { limit: number; per: number } | null {
  const match = /^(\d+)\s*(?:\/|per\b)(.+)$/i.exec(text.trim());
  if (match === null) return null;
  const per = parseWindow(match[2]!);
  return per === null ? null : { limit: Number(match[1]), per };
}

/** The text by which an object gives its limit and its window, if it gives the window as a text. */
function textOf({ limit, per, text }: Record<string, unknown>): unknown {
  if (text !== undefined || typeof limit !== 'number' || typeof per !== 'string') return text;
  const made = `${limit}/${per.trim()}`;
  return made.length > longestText ? undefined : made;
}

/**
 * A rate with its short form written out, and with the text that it was given as. A text that is no rate stays one, for
 * the schema to say what is wrong with it. Pure.
 */
export function longRate(rate: RateInput): RateInput {
  const text = typeof rate === 'string' ? rate.trim() : textOf({ ...rate });
  const kept = typeof text === 'string' && text.length <= longestText ? { text } : {};
  if (typeof rate !== 'string') return { ...rate, ...kept };
  const parsed = parseRateText(rate);
  return parsed === null ? rate : { ...parsed, ...kept };
}

/** `text` where it says just this limit and this window; else undefined. */
export function textThatSays(limit: number, per: number, text: string | undefined): string | undefined {
  const says = text === undefined ? null : parseRateText(text);
  return says?.limit === limit && says.per === per ? text : undefined;
}
