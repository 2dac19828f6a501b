import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { isScriptFault } from '@sluice/redis';
import { type Addressee, type Committed, clip, failedReason } from '@sluice/shared';
import type { Holds } from '../limits/holds.ts';
import type { Outcomes } from '../results/outcomes.ts';
import type { TakenJob } from '../job/taken-job.ts';
import { ended } from './endings.ts';
import type { Verdict } from '../job/verdict.ts';

/** Ends an attempt that is followed by another; carries the delay to the worker's backoff strategy. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly delayMs: number;
  /** The upstream named the wait: see `wakeIfLifted`. */
  readonly isPutOff: boolean;
  constructor(delayMs: number, message: string, isPutOff: boolean) {
    // BullMQ keeps the text twice: as the reason and in the stack.
    super(clip(message));
    this.delayMs = delayMs;
    this.isPutOff = isPutOff;
  }
}

/** Redis does not accept the end of a run: the job fails, and does not run again. BullMQ recognises it by its class. */
export class Unsettled extends UnrecoverableError {}

/** BullMQ's `settings.backoffStrategy`: every worker of a queue must have it. -1 would fail the job at once. */
export function backoffStrategy(attemptsMade: number, _type?: string, error?: Error): number {
  if (error instanceof RetryLater) return error.delayMs;
  // A fault of our own: retry, but not at once.
  return Math.min(60_000, 1000 * 2 ** (attemptsMade - 1));
}

/**
 * Commits the outcome of a job and lets BullMQ end it, in one step. BullMQ asks for the same end when the run is over,
 * and gets the answer.
 * @param failure why it failed; null: it is completed, with `value`
 * @returns null: that cannot be done here, and nothing has been done that another commit would not find
 */
export type Finish = (
  call: ReturnType<Outcomes['call']>,
  value: string,
  failure: UnrecoverableError | null,
) => Promise<Committed | null>;

/** In two steps, then: BullMQ ends the job when the run is over. */
const inTwoSteps: Finish = async () => null;

/**
 * Verdict -> BullMQ verb. The only place that throws BullMQ's control errors. The outcome is committed first: if this
 * process dies before BullMQ knows of the end, the next run finds the outcome and sends nothing.
 *
 * If Redis does not accept an end for what it is, it never will, and the request would be made each time. Such a job is
 * kept with its data, like one that nobody can read.
 * @returns the job's return value, kept to a few bytes: BullMQ copies it into its event stream
 */
export async function settle(
  verdict: Verdict,
  job: TakenJob,
  bull: Job,
  addressee: Addressee,
  outcomes: Outcomes,
  holds: Holds,
  finish: Finish = inTwoSteps,
): Promise<string> {
  try {
    return await carryOut(verdict, job, bull, addressee, outcomes, holds, finish);
  } catch (error) {
    if (!isScriptFault(error)) throw error;
    throw await unsettled(error as Error, verdict, job, addressee, outcomes);
  }
}

async function unsettled(
  { message }: Error,
  verdict: Verdict,
  job: TakenJob,
  addressee: Addressee,
  outcomes: Outcomes,
): Promise<Unsettled> {
  const attempts =
    'outcome' in verdict ? verdict.outcome.attempts : job.attemptsMade + (verdict.type === 'retry' ? 1 : 0);
  const end = ended(
    'poison',
    attempts,
    Date.now(),
    `its end cannot be stored: ${message}; its raw data is kept`,
  );
  await outcomes.tellInstead(job, addressee, end);
  return new Unsettled(failedReason(end.outcome.error!));
}

async function carryOut(
  verdict: Verdict,
  job: TakenJob,
  bull: Job,
  addressee: Addressee,
  outcomes: Outcomes,
  holds: Holds,
  finish: Finish,
): Promise<string> {
  switch (verdict.type) {
    case 'done':
    case 'give-up': {
      const failure = failureOf(verdict);
      const call = outcomes.call(job, addressee, verdict);
      const committed = (await finish(call, verdict.outcome.kind, failure)) ?? (await outcomes.commit(call));
      if (committed === 'lock-lost') throw new Error('another worker has the job; this run is dropped');
      if (committed === 'already') return await endAsBefore(job, outcomes);
      if (failure !== null) throw failure;
      return verdict.outcome.kind;
    }
    case 'settled-before':
      return await endAsBefore(job, outcomes);
    case 'retry': {
      const { inMs, message, cause } = verdict;
      const waits = cause === null || (await holds.putOff(job.queue, job.id, inMs, cause));
      throw new RetryLater(waits ? inMs : 0, message, waits && cause !== null);
    }
    case 'give-back': {
      const { putOffMs, cause } = verdict;
      if (putOffMs > 0 && (cause === null || (await holds.putOff(job.queue, job.id, putOffMs, cause)))) {
        await bull.moveToDelayed(Date.now() + putOffMs, job.token);
        if (cause !== null) await wakeIfLifted(bull, job.queue, holds);
        throw new DelayedError();
      }
      await bull.moveToWait(job.token);
      throw new WaitingError();
    }
    case 'abandon':
      throw new Error('the lock was lost; this run is dropped');
  }
}

/** Null: the job is completed. */
function failureOf(verdict: Verdict & { type: 'done' | 'give-up' }): UnrecoverableError | null {
  // Whoever cancelled the job wanted that: it is no failure to look at, nor to send again.
  if (verdict.type === 'done' || verdict.outcome.kind === 'cancelled') return null;
  const error = verdict.outcome.error ?? { code: 'SLUICE_INTERNAL', message: 'gave up without an error' };
  return new UnrecoverableError(failedReason(error));
}

/**
 * Wakes a job that was put off while its hold was being lifted: whoever lifted the hold could not, because the job was
 * not delayed yet. To be called once it is.
 */
export async function wakeIfLifted(bull: Job, queue: string, holds: Holds): Promise<void> {
  // `promote` throws if the job is no longer delayed; then it needs no waking.
  if (!(await holds.isPutOff(queue, bull.id!))) await bull.promote().catch(() => {});
}

/** The job already has an outcome, and ends as that says: a failure becomes a dead letter, and is not removed. */
async function endAsBefore(job: TakenJob, outcomes: Outcomes): Promise<string> {
  const failure = await outcomes.failureOf(job);
  if (failure) throw new UnrecoverableError(failedReason(failure));
  return 'settled-before';
}
