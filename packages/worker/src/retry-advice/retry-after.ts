import { decimalMs, unitNs } from './decimal.ts';
import { delayOrEpoch } from './delay-or-epoch.ts';
import { type HeaderLines, headerValues } from './header-lines.ts';
import { httpDate } from './http-date.ts';
import { longest } from './longest.ts';

// Azure (Cosmos DB, OpenAI) and OpenAI: the precise form of a Retry-After that stands beside it rounded to seconds.
const msHeaders = ['retry-after-ms', 'x-ms-retry-after-ms', 'x-retry-after-ms'];

// A wait inside the vendors' quota headers: Symfony's x-ratelimit-retry-after, Bucket4j's
// x-rate-limit-retry-after-seconds, Azure's x-ms-ratelimit-microsoft.costmanagement-entity-retry-after.
const quotaRetryAfter = /rate-?limit-(?:.+-)?retry-after(?:-(seconds|milliseconds|ms))?$/;

/**
 * Ms that the server asks to wait in so many words, null when it does not: the millisecond headers first, then
 * Retry-After (RFC 9110 10.2.3), then its relatives among the quota headers. The longest of several values counts,
 * and a malformed one is passed over. Not clipped.
 * @param serverNow epoch ms, what absolute times are judged against
 */
export function retryAfterMs(lines: HeaderLines, serverNow: number): number | null {
  const precise = msHeaders.flatMap((name) => headerValues(lines, name));
  return (
    longest(precise.map((value) => decimalMs(value, unitNs.ms))) ??
    longest(headerValues(lines, 'retry-after').map((value) => retryAfterValue(value, serverNow))) ??
    longest(quotaRetryAfters(lines, serverNow))
  );
}

// Delay-seconds are integers by the RFC; Discord and Shopify send fractions. Epochs are Symfony's and others' habit.
function retryAfterValue(value: string, serverNow: number): number | null {
  const wait = delayOrEpoch(value, serverNow);
  if (wait !== null) return wait;
  const date = httpDate(value, serverNow);
  return date === null ? null : Math.max(0, date - serverNow);
}

function quotaRetryAfters(lines: HeaderLines, serverNow: number): (number | null)[] {
  return [...lines.keys()].flatMap((name) => {
    const match = quotaRetryAfter.exec(name);
    if (!match) return [];
    const inMs = match[1] === 'ms' || match[1] === 'milliseconds';
    return headerValues(lines, name).map((value) =>
      inMs ? decimalMs(value, unitNs.ms) : retryAfterValue(value, serverNow),
    );
  });
}
