import { type Envelope, type Outcome, type Policy, codeOfOutcome, backoffDelay } from '@sluice/shared';
import type { Failure } from '../http/failure.ts';
import type { PermitAnswer } from '../limits/permit.ts';
import type { TakenJob } from './admit.ts';
import { type Verdict, abortReasons } from './verdict.ts';

type Refusal = Exclude<PermitAnswer, { type: 'go' }>;

type Circumstances = { policy: Policy; now: () => number; random: () => number };

/** An end that no response or failure of this attempt brought about. */
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
    error: { code: codeOfOutcome[kind], message },
  };
  return { type: 'give-up', outcome, body: new Uint8Array() };
}

/** Its deadline passed before it could be attempted. */
export function expired(attempts: number, now: number): Verdict & { type: 'give-up' } {
  return ended('expired', attempts, now, 'the deadline passed before the job could be attempted');
}

/** The first permit was refused: nothing was sent, nothing is spent. */
export function refused(answer: Refusal, origin: string, job: TakenJob, context: Circumstances): Verdict {
  if (answer.type === 'settled') return { type: 'settled-before' };
  if (answer.type === 'cancelled')
    return ended('cancelled', job.attemptsMade, context.now(), 'the job was cancelled');
  // With one origin the gate is closed, and the job waits at the front. In a mixed queue it would be taken again at
  // once; it is put off to the end of the hold, spread so that the held do not come back as one.
  const mixed = answer.reason === 'held' && context.policy.origin !== origin;
  if (answer.reason === 'early') return { type: 'give-back', putOffMs: answer.forMs };
  return { type: 'give-back', putOffMs: mixed ? Math.ceil(answer.forMs * (1 + 0.1 * context.random())) : 0 };
}

/** The permit of a redirect hop comes too late: the first request is spent, and so is the attempt. */
export function hopFailure(answer: Refusal): Failure & { waitMs: number } {
  const [reason, waitMs] = answer.type === 'not-now' ? [answer.reason, Math.ceil(answer.forMs)] : ['over', 0];
  const message = `a redirect cannot be followed within the timeout: its permit is ${waitMs} ms away (${reason})`;
  return { kind: 'timeout', message, unsent: false, waitMs, held: reason === 'held' };
}

/** The job's own signal: this process stops, the caller does not want it any more, or another worker has it. */
export function interrupted(job: TakenJob, now: number): Verdict {
  const reason: unknown = job.signal.reason;
  if (reason === abortReasons.cancelled)
    return ended('cancelled', job.attemptsMade, now, 'the job was cancelled');
  if (reason === abortReasons.lockLost) return { type: 'abandon' };
  return { type: 'give-back', putOffMs: 0 };
}

/** A fault of our own: the attempt is spent, so that it ends some day, and with an outcome. */
export function unforeseen(
  error: unknown,
  job: TakenJob,
  envelope: Envelope,
  context: Circumstances,
): Verdict {
  const message = error instanceof Error ? error.message : String(error);
  const { retry } = context.policy;
  if (job.attemptsMade + 1 < (envelope.attempts ?? retry.attempts)) {
    return {
      type: 'retry',
      inMs: backoffDelay(retry, job.attemptsMade, context.random()),
      message,
      asked: false,
    };
  }
  return ended('internal', job.attemptsMade + 1, context.now(), message);
}
