import type { ResetUnit } from './delay-or-epoch.ts';
import { type HeaderLines, type RawHeaders, headerLines } from './header-lines.ts';
import { type Quota, exhaustedWaitMs, spentWaitMs } from './quota.ts';
import { rateLimitField } from './ratelimit-field.ts';
import { isRetryableIfTimed, isRetryableStatus } from './retryable-status.ts';
import { retryAfterMs } from './retry-after.ts';
import { serverClock } from './server-clock.ts';
import { shouldRetryHeader } from './should-retry.ts';
import { xRateLimit } from './x-ratelimit.ts';

/** The part of a response that is read: header names in any case, one value or several. */
export type ResponseHead = { status: number; headers: RawHeaders };

/** What must be known besides the response. */
export type RetryAdviceOptions = {
  /** The local clock, epoch ms. Used where the response has no valid Date of its own. */
  now: number;
  /** More statuses whose headers are read as those of a rejection (Binance bans with 418). Default: none. */
  extraRetryStatuses?: readonly number[] | undefined;
  /**
   * What a bare number in a `*-reset` header counts. Default: above 1e9 an epoch in seconds, from 1e11 an epoch in
   * milliseconds, below a delay in seconds. If it is wrong, waits are a thousand times too long or too short.
   */
  resetUnit?: ResetUnit | undefined;
  /** The upstream whose documentation fills in what its headers leave out. Default: none. */
  profile?: 'github' | undefined;
};

/** What a response says about when to come back. Every time is an integer of ms from 0 to {@link longestAdviceMs}. */
export type RetryAdvice = {
  /** Ms to wait before this request may be sent again; 0: now, with the usual backoff; null: the server does not say. */
  waitMs: number | null;
  /** Ms to send nothing more after an answer that used the last unit of a quota; null: no need. */
  holdMs: number | null;
  /** The server orders (true) or forbids (false) a retry, whatever the status; null: it says neither. */
  shouldRetry: boolean | null;
  /** The server asked for longer than {@link longestAdviceMs}. */
  capped: boolean;
  /** Whom the limit is for, as Discord says it: `global` is the whole credential, not one route. Null: not said. */
  scope: 'global' | 'user' | 'shared' | null;
};

/** The longest time passed on, ms: a day. What is longer is a mistake (`600000` meant as ms) or not worth waiting for. */
export const longestAdviceMs = 86_400_000;

// GitHub, "Rate limits for the REST API": with neither Retry-After nor an exhausted quota, wait at least one minute.
const githubSecondaryMs = 60_000;

/**
 * What an upstream's response says about when to come back, by order of precedence: the millisecond headers,
 * Retry-After, the RateLimit field, the X-RateLimit-* families, the upstream's documented default. Pure; never throws.
 * What cannot be read is ignored, as if it had not been sent.
 */
export function readRetryAdvice(response: ResponseHead, options: RetryAdviceOptions): RetryAdvice {
  if (saysNothing(response)) return nothing;
  const lines = headerLines(response.headers);
  const shouldRetry = shouldRetryHeader(lines);
  const serverNow = serverClock(lines, options.now);
  const { status } = response;
  const retryable =
    isRetryableStatus(status) ||
    shouldRetry === true ||
    (options.extraRetryStatuses?.includes(status) ?? false);

  // Precedence is by source, not by field: a RateLimit field in which nothing is exhausted leaves it to the others.
  const sources = isFromCache(lines)
    ? []
    : [rateLimitField(lines), xRateLimit(lines, serverNow, options.resetUnit)];

  let wait: number | null = null;
  if (retryable || isRetryableIfTimed(status)) {
    wait = retryAfterMs(lines, serverNow);
    // Only a 429 is known to come from a quota. A 500 or 403 carries the same headers as any other response, and they
    // mean something only if they show an exhausted one. A 413 is never about a quota.
    if (status !== 413 || retryable)
      wait ??= first(sources, (quotas) => exhaustedWaitMs(quotas, status === 429));
    if (options.profile === 'github' && status === 429) wait ??= githubSecondaryMs;
  }
  const hold = wait === null && !retryable ? first(sources, spentWaitMs) : null;

  return {
    waitMs: clipped(wait),
    holdMs: clipped(hold),
    shouldRetry,
    capped: (wait ?? hold ?? 0) > longestAdviceMs,
    scope: limitScope(lines),
  };
}

const nothing: RetryAdvice = { waitMs: null, holdMs: null, shouldRetry: null, capped: false, scope: null };

/** A success without any header of these families, which is most responses: nothing needs to be parsed. */
function saysNothing({ status, headers }: ResponseHead): boolean {
  if (status >= 300) return false;
  for (const name in headers) if (/retry|rate|limit|reset|quota/i.test(name)) return false;
  return true;
}

// A cached response says how the quota stood for someone else, some time ago: the draft's section 7.3 ("SHOULD be
// ignored ... with a positive current_age"); it is no different for the older headers.
function isFromCache(lines: HeaderLines): boolean {
  return (lines.get('age') ?? []).some((age) => /^[0-9]+$/.test(age) && Number(age) > 0);
}

function first(sources: readonly Quota[][], read: (quotas: Quota[]) => number | null): number | null {
  return sources.reduce<number | null>((found, quotas) => found ?? read(quotas), null);
}

function clipped(ms: number | null): number | null {
  return ms === null ? null : Math.min(Math.ceil(ms), longestAdviceMs);
}

// Discord: X-RateLimit-Global and X-RateLimit-Scope come with a 429 only.
function limitScope(lines: HeaderLines): RetryAdvice['scope'] {
  const said = (name: string) => lines.get(name)?.[0]?.toLowerCase();
  if (said('x-ratelimit-global') === 'true') return 'global';
  const scope = said('x-ratelimit-scope');
  return scope === 'global' || scope === 'user' || scope === 'shared' ? scope : null;
}
