import { type Envelope, type StoredBody, batchTtlMs } from '@sluice/shared';
import type { LargeBodies } from '../http/exchange.ts';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import type { TakenJob } from '../job/taken-job.ts';
import type { Verdict } from '../job/verdict.ts';
import type { RunContext } from './context.ts';

type Context = Pick<RunContext, 'policy' | 'bodies' | 'now'>;

/** A reply may be read this much later, ms, and its body after that. */
const leastKeptMs = 3_600_000;

/** No attempt lasts longer, ms. A body's time begins with the attempt, the outcome's at its end. */
const longestAttemptMs = 3_600_000;

/** When the outcome of a job that is performed now expires, and its body with it. Epoch ms. */
function expiryOf({ keepMs, batch }: Envelope, now: number): number {
  const kept = Math.max(leastKeptMs, keepMs ?? 0, batch === undefined ? 0 : batchTtlMs);
  return now + kept + longestAttemptMs;
}

/** Where the attempt's body goes if it is large; null: nowhere, it is part of the outcome. */
export function largeBodies(
  job: TakenJob,
  envelope: Envelope,
  { policy, bodies, now }: Context,
  timer: AttemptTimer,
): LargeBodies | null {
  const { store, maxBody } = policy;
  // A transform and a rule get the body whole.
  if (store === null || envelope.transform !== undefined || policy.retryIf !== undefined) return null;
  return {
    above: Math.min(store.above, maxBody),
    limit: store.maxBody,
    put: (source) => bodies.put(job.queue, source, expiryOf(envelope, now()), timer.signal),
  };
}

/** Names the stored body in the outcome. If there is no outcome, or it has no response, the body is dropped. */
export async function store(
  verdict: Verdict,
  stored: StoredBody | undefined,
  { bodies }: Context,
): Promise<Verdict> {
  if (stored === undefined) return verdict;
  if ('outcome' in verdict && verdict.outcome.response !== undefined) {
    return { ...verdict, outcome: { ...verdict.outcome, stored } };
  }
  await bodies.drop(stored);
  return verdict;
}
