import { type Outcome, codeOfOutcome, outcomeError } from '@sluice/shared';
import { backoffDelay } from './backoff.ts';
import type { Failure } from '../http/failure.ts';
import type { PermitAnswer } from '../limits/permits.ts';
import type { Ticket } from '../limits/ticket.ts';
import type { TakenJob } from '../job/taken-job.ts';
import type { Admission, Rejection } from './admit.ts';
import { mayRepeat } from './classify.ts';
import type { Ran, RunContext } from './context.ts';
import type { HopDenied } from './send.ts';
import { type Verdict, abortReasons } from '../job/verdict.ts';

/** How long a job of a newer producer is put off, ms; perhaps a newer worker takes it then. */
const newerMs = 30_000;

type Context = Pick<RunContext, 'policy' | 'now' | 'random'>;

/** An end that neither a response nor a failure of this attempt caused. */
export function ended(
  kind: keyof typeof codeOfOutcome,
  attempts: number,
  now: number,
  message: string,
): Verdict & { type: 'give-up' } {
  const outcome: Outcome = {
    kind,
    attempts,
    endedAt: now,
    durationMs: 0,
    error: outcomeError(codeOfOutcome[kind], message),
  };
  return { type: 'give-up', outcome, body: new Uint8Array() };
}

/** Its deadline passed before it could be attempted. */
export function expired(attempts: number, now: number): Verdict & { type: 'give-up' } {
  return ended('expired', attempts, now, 'the deadline passed before the job could be attempted');
}

/** The end of a run that did not begin. */
export function notAdmitted(rejection: Rejection, job: TakenJob, { now }: Context): Ran {
  switch (rejection.type) {
    case 'newer':
      return { verdict: { type: 'give-back', putOffMs: newerMs, cause: null }, addressee: {} };
    case 'expired':
      return { verdict: expired(job.attemptsMade, now()), addressee: rejection.envelope };
    case 'poison':
    case 'blocked': {
      const { type, message, addressee } = rejection;
      return { verdict: ended(type, job.attemptsMade, now(), message), addressee };
    }
  }
}

/** The first permit was denied: nothing was sent, nothing is spent. */
export function denied(answer: PermitAnswer, origin: string, job: TakenJob, context: Context): Verdict {
  if (answer.type === 'settled') return { type: 'settled-before' };
  if (answer.type === 'cancelled')
    return ended('cancelled', job.attemptsMade, context.now(), 'the job was cancelled');
  // With one origin the gate is closed, and the job waits at the front. In a mixed queue it would be taken again at
  // once, so it is put off to the end of the hold, with a spread so that held jobs do not come back together.
  if (answer.reason === 'early')
    return { type: 'give-back', putOffMs: answer.forMs, cause: { type: 'early' } };
  if (answer.reason !== 'held' || context.policy.origin === origin)
    return { type: 'give-back', putOffMs: 0, cause: null };
  const putOffMs = Math.ceil(answer.forMs * (1 + 0.1 * context.random()));
  return { type: 'give-back', putOffMs, cause: { type: 'held', origin } };
}

/** The permit of a redirect hop comes too late: the first request is spent, and so is the attempt. */
export function hopFailure({ answer, origin }: HopDenied): Failure & { waitMs: number } {
  const [reason, waitMs] = answer.type === 'not-now' ? [answer.reason, Math.ceil(answer.forMs)] : ['over', 0];
  const message = `a redirect cannot be followed within the timeout: its permit is ${waitMs} ms away (${reason})`;
  const heldOrigin = reason === 'held' ? origin : undefined;
  return { kind: 'timeout', message, unsent: false, waitMs, heldOrigin };
}

/** The job's own signal aborted: this process stops, the caller cancelled, or another worker has the job. */
export function interrupted(job: TakenJob, now: number): Verdict {
  const reason: unknown = job.signal.reason;
  if (reason === abortReasons.cancelled)
    return ended('cancelled', job.attemptsMade, now, 'the job was cancelled');
  if (reason === abortReasons.lockLost) return { type: 'abandon' };
  return { type: 'give-back', putOffMs: 0, cause: null };
}

/**
 * A fault of our own, or of Redis: the attempt is spent, so that the job ends at some point, with an outcome. A request
 * that may have been performed is repeated only where that is allowed.
 */
export function unforeseen(
  error: unknown,
  job: TakenJob,
  { envelope, terms }: Admission,
  { isSpent }: Pick<Ticket, 'isSpent'>,
  { now, random }: Context,
): Verdict {
  const message = error instanceof Error ? error.message : String(error);
  if (job.attemptsMade + 1 < terms.attempts && mayRepeat({ req: envelope.req, terms }, !isSpent)) {
    const inMs = backoffDelay(terms.retry, job.attemptsMade, random());
    return { type: 'retry', inMs, message, cause: null };
  }
  return ended('internal', job.attemptsMade + 1, now(), message);
}
