import type { Policy } from '@sluice/shared';

/**
 * The delay before a retry when the upstream does not name one, ms: `base * factor ** retries` (1, 2, 4, 8, 16 s by
 * default), capped, then spread by `jitter` (0.5: 50-100 % of it), so that jobs that failed together are not retried
 * together.
 * @param retries retries made so far, from 0
 * @param random a number in [0, 1)
 */
export function backoffDelay(retry: Policy['retry'], retries: number, random: number): number {
  const full = Math.min(retry.cap, retry.base * retry.factor ** retries);
  return Math.round(full * (1 - retry.jitter * random));
}

/**
 * The delay before a retry when the upstream said how long to wait: never less than asked, plus a spread of up to
 * 10 % (at least 100 ms, at most 5 s) so that rejected jobs do not return all at once.
 */
export function askedDelay(askedMs: number, random: number): number {
  return Math.ceil(askedMs + random * Math.min(5000, Math.max(100, askedMs / 10)));
}
