/** Nanoseconds in a unit, for {@link decimalMs}. */
export const unitNs = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
} as const;

const grammar = /^([0-9]+)(?:\.([0-9]+))?$/;

/**
 * Milliseconds of an unsigned decimal number of some unit, rounded up, so that nobody comes back earlier than asked.
 * Null when the text is anything else: a sign, an exponent, hexadecimal, a bare point. A number that is too large gives
 * `Number.MAX_SAFE_INTEGER`, never Infinity.
 *
 * The arithmetic is on integers because `16.1 * 1000` is 16100.000000000002, which would round up to 16101.
 * @param unit nanoseconds in the unit of `text`
 */
export function decimalMs(text: string, unit: bigint): number | null {
  const match = grammar.exec(text);
  if (!match) return null;
  const [, digits = '', fraction = ''] = match;
  // Not in the grammar: `0*` before `[0-9]+` takes quadratic time on a long run of zeros.
  const whole = digits.replace(/^0+/, '');
  if (whole.length > 15) return Number.MAX_SAFE_INTEGER;
  const beyondNano = /[1-9]/.test(fraction.slice(9)) ? 1n : 0n;
  const billionths = BigInt(whole + fraction.slice(0, 9).padEnd(9, '0')) + beyondNano;
  const divisor = 1_000_000_000n * unitNs.ms;
  const ms = (billionths * unit + divisor - 1n) / divisor;
  return ms > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(ms);
}
