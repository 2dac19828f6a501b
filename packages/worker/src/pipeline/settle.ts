import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { isScriptFault } from '@sluice/redis';
import { type Addressee, clip, failedReason } from '@sluice/shared';
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
): Promise<string> {
  try {
    return await carryOut(verdict, job, bull, addressee, outcomes, holds);
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
): Promise<string> {
  switch (verdict.type) {
    case 'done':
    case 'give-up': {
      const committed = await outcomes.commit(job, addressee, verdict);
      if (committed === 'lock-lost') throw new Error('another worker has the job; this run is dropped');
      if (committed === 'already') return await endAsBefore(job, outcomes);
      // Whoever cancelled the job wanted that: it is no failure to look at, nor to send again.
      if (verdict.type === 'done' || verdict.outcome.kind === 'cancelled') return verdict.outcome.kind;
      const error = verdict.outcome.error ?? { code: 'SLUICE_INTERNAL', message: 'gave up without an error' };
      throw new UnrecoverableError(failedReason(error));
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
