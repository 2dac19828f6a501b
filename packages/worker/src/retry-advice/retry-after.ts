import { decimalMs, unitNs } from './decimal.ts';
import { delayOrEpoch } from './delay-or-epoch.ts';
import { type HeaderLines, headerValues } from './header-lines.ts';
import { httpDate } from './http-date.ts';
import { goDurationMs } from './go-duration.ts';
import { longest } from './longest.ts';
import { rfc3339 } from './rfc3339.ts';
import { timeSpanMs } from './time-span.ts';

// Azure (Cosmos DB, OpenAI) and OpenAI: the precise form of a Retry-After that is sent beside it, rounded to seconds.
const msHeaders = ['retry-after-ms', 'x-ms-retry-after-ms', 'x-retry-after-ms'];

// A wait inside the vendors' quota headers: Symfony's x-ratelimit-retry-after, Bucket4j's
// x-rate-limit-retry-after-seconds, Azure's x-ms-ratelimit-microsoft.costmanagement-entity-retry-after.
const quotaRetryAfter = /rate-?limit-(?:.+-)?retry-after(?:-(seconds|milliseconds|ms))?$/;

/**
 * Ms that the server explicitly asks to wait, null when it does not: the millisecond headers first, then Retry-After
 * (RFC 9110 10.2.3), then its relatives among the quota headers. The longest of several values counts, and a malformed
 * one is ignored. Not clipped.
 * @param serverNow epoch ms, what absolute times are judged against
 */
export function retryAfterMs(lines: HeaderLines, serverNow: number): number | null {
  const precise = msHeaders.flatMap((name) => headerValues(lines, name).map((value) => ({ name, value })));
  return (
    longest(precise.map(({ name, value }) => decimalMs(value, unitNs.ms) ?? timeSpanOf(name, value))) ??
    longest(headerValues(lines, 'retry-after').map((value) => retryAfterValue(value, serverNow))) ??
    longest(quotaRetryAfters(lines, serverNow))
  );
}

// Only Azure is known to write waits this way.
function timeSpanOf(name: string, value: string): number | null {
  return name.startsWith('x-ms-') ? timeSpanMs(value) : null;
}

// Delay-seconds are integers by the RFC; Discord and Shopify send fractions. Symfony and others send epochs; services
// that print what they have send Go durations and RFC 3339 times.
function retryAfterValue(value: string, serverNow: number): number | null {
  const wait = delayOrEpoch(value, serverNow) ?? goDurationMs(value);
  if (wait !== null) return wait;
  const moment = httpDate(value, serverNow) ?? rfc3339(value);
  return moment === null ? null : Math.max(0, moment - serverNow);
}

function quotaRetryAfters(lines: HeaderLines, serverNow: number): (number | null)[] {
  return [...lines.keys()].flatMap((name) => {
    const match = quotaRetryAfter.exec(name);
    if (!match) return [];
    const inMs = match[1] === 'ms' || match[1] === 'milliseconds';
    return headerValues(lines, name).map(
      (value) =>
        (inMs ? decimalMs(value, unitNs.ms) : retryAfterValue(value, serverNow)) ?? timeSpanOf(name, value),
    );
  });
}
