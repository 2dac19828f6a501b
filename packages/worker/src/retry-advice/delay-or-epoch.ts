import { decimalMs, unitNs } from './decimal.ts';

/** What a bare number in a reset header counts. */
export type ResetUnit = 'seconds' | 'milliseconds' | 'epoch-seconds' | 'epoch-milliseconds';

// A delay of more than 1e9 s is 32 years, and an epoch below it is before September 2001: neither is meant.
const leastEpochSeconds = 1e9;
// 1e11 s is the year 5138, 1e11 ms is 1973.
const leastEpochMs = 1e11;

/**
 * Ms to wait according to a bare number, not negative; null when it is not an unsigned decimal. Vendors write a delay
 * in seconds or an epoch in seconds or milliseconds under the same names (GitLab's `RateLimit-Reset` is an epoch, the
 * draft's a delay), so without `unit` the size decides.
 * @param serverNow epoch ms, what an epoch is judged against
 */
export function delayOrEpoch(text: string, serverNow: number, unit?: ResetUnit): number | null {
  const seconds = decimalMs(text, unitNs.s);
  const ms = decimalMs(text, unitNs.ms);
  if (seconds === null || ms === null) return null;
  switch (unit ?? guessedUnit(Number(text))) {
    case 'milliseconds':
      return ms;
    case 'epoch-seconds':
      return Math.max(0, seconds - serverNow);
    case 'epoch-milliseconds':
      return Math.max(0, ms - serverNow);
    default:
      return seconds;
  }
}

function guessedUnit(value: number): ResetUnit {
  if (value >= leastEpochMs) return 'epoch-milliseconds';
  return value > leastEpochSeconds ? 'epoch-seconds' : 'seconds';
}
