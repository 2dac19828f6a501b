import { type AttemptEnd, clip } from '@sluice/shared';
import type { TakenJob } from './taken-job.ts';
import type { Verdict } from './verdict.ts';

/** Attempts whose ends are kept. */
const mostEnds = 10;

/** The text of an error is kept so long, bytes. */
const errorBytes = 200;

/** The ends of a job's attempts with the one that a verdict adds; null: the run was no attempt. */
export function endsWith(
  before: readonly AttemptEnd[],
  verdict: Verdict,
  { attemptsMade }: Pick<TakenJob, 'attemptsMade'>,
  now: number,
): readonly AttemptEnd[] | null {
  const end = endOf(verdict, attemptsMade, now);
  return end === null ? null : [...before, end].slice(-mostEnds);
}

function endOf(verdict: Verdict, attemptsMade: number, now: number): AttemptEnd | null {
  const n = attemptsMade + 1;
  switch (verdict.type) {
    case 'retry': {
      const { kind = 'internal', status, message, inMs } = verdict;
      const waitMs = Math.round(inMs);
      return {
        n,
        at: now,
        kind,
        ...(status !== undefined && { status }),
        error: clip(message, errorBytes),
        waitMs,
      };
    }
    case 'done':
    case 'give-up': {
      const { kind, attempts, response, error } = verdict.outcome;
      // It ended before this attempt began.
      if (attempts < n) return null;
      return {
        n,
        at: now,
        kind,
        ...(response !== undefined && { status: response.status }),
        ...(error !== undefined && { error: clip(error.message, errorBytes) }),
        waitMs: 0,
      };
    }
    default:
      return null;
  }
}

/** A verdict whose outcome says how the attempts ended, where that is more than the outcome says itself. */
export function withEnds(verdict: Verdict, ends: readonly AttemptEnd[] | null): Verdict {
  if (!('outcome' in verdict) || ends === null || ends.length === 0) return verdict;
  if (ends.length === 1 && ends[0]!.kind === 'response') return verdict;
  return { ...verdict, outcome: { ...verdict.outcome, ends } };
}
