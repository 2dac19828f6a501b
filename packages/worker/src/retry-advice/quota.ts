import { longest } from './longest.ts';

/** What a response says about one quota: `remaining` units, and ms until there are more. null: it does not say. */
export type Quota = { remaining: number | null; waitMs: number | null };

/**
 * Ms until the exhausted quotas have units again, null when none is exhausted or none says. Quotas with units left do
 * not count, however late they reset: OpenAI sends the reset of every dimension, and only the empty ones reject.
 *
 * Without an explicit `remaining` of 0 or less (Azure OpenAI sends -1), a rejection counts as one by the quotas that do
 * not say what remains.
 */
export function exhaustedWaitMs(quotas: readonly Quota[], rejected: boolean): number | null {
  const explicit = longest(
    quotas.map(({ remaining, waitMs }) => (remaining !== null && remaining <= 0 ? waitMs : null)),
  );
  if (explicit !== null || !rejected) return explicit;
  return longest(quotas.map(({ remaining, waitMs }) => (remaining === null ? waitMs : null)));
}

/**
 * Ms to hold back after an answer that used the last unit, null when there is nothing to wait for. Only a plain 0
 * counts: beside a success, -1 more often means "unlimited".
 */
export function spentWaitMs(quotas: readonly Quota[]): number | null {
  return longest(quotas.map(({ remaining, waitMs }) => (remaining === 0 ? waitMs : null))) || null;
}
