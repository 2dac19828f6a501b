import type { Envelope, Policy } from '@sluice/shared';

/** The terms of one job: its own where it gives them, else those of its queue's policy. */
export type Terms = {
  /** How long one attempt may take, ms. */
  timeoutMs: number;
  /** Attempts in total. */
  attempts: number;
  retry: Policy['retry'];
  delivery: Policy['delivery'];
};

export function termsOf(envelope: Envelope, policy: Policy): Terms {
  const own = Object.entries(envelope.retry ?? {}).filter(([, value]) => value !== undefined);
  return {
    timeoutMs: envelope.timeoutMs ?? policy.timeout,
    attempts: envelope.attempts ?? policy.retry.attempts,
    retry: { ...policy.retry, ...Object.fromEntries(own) },
    delivery: envelope.delivery ?? policy.delivery,
  };
}
