import { parseRateText } from '@sluice/shared';

/** Those that the policy does not know, and one of its own for each. */
const units: Readonly<Record<string, string>> = {
  ms: 'ms',
  msec: 'ms',
  s: 's',
  sec: 's',
  second: 's',
  m: 'm',
  min: 'm',
  minute: 'm',
  h: 'h',
  hr: 'h',
  hour: 'h',
  d: 'd',
  day: 'd',
};

/**
 * A rate as people write it, as the policy has it: `100/min` -> `100/1m`, `10 / 30 seconds` -> `10/30s`. What is not
 * of that form stays as it is, for the policy's schema to say what is wrong with it. Pure.
 */
export function rateText(typed: string): string {
  if (parseRateText(typed) !== null) return typed;
  const match = /^\s*(\d+)\s*(?:\/|per)\s*(\d+(?:\.\d+)?)?\s*([a-z]+)\s*$/i.exec(typed);
  if (match === null) return typed;
  const [, limit, window = '1', name = ''] = match;
  const word = name.toLowerCase();
  const unit = units[word] ?? (word.length > 2 ? units[word.replace(/s$/, '')] : undefined);
  return unit === undefined ? typed : `${limit}/${window}${unit}`;
}
