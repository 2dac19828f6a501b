import { decimalMs, unitNs } from './decimal.ts';

const grammar = /^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h|d))+$/;
const part = /([0-9]+(?:\.[0-9]+)?)(ns|us|µs|μs|ms|s|m|h|d)/g;

const units: Record<string, bigint> = { ...unitNs, µs: unitNs.us, μs: unitNs.us };

/**
 * Milliseconds of a duration as Go prints it (`6m0s`, `12ms`, `1m30.951s`), rounded up; null when it is not one.
 * OpenAI, Groq and others reset their quotas in this form. Days are not Go's, but cannot mean anything else.
 */
export function goDurationMs(text: string): number | null {
  if (!grammar.test(text)) return null;
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(part)) {
    total += decimalMs(number, units[unit] ?? 0n) ?? 0;
  }
  return Math.min(total, Number.MAX_SAFE_INTEGER);
}
