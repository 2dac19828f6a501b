import type { Addressee, Envelope, Logger, Policy } from '@sluice/shared';
import type { GuardedAgent } from '../http/agent.ts';
import { StalePermit } from '../http/permit-age.ts';
import { AttemptTimer } from '../http/timeout.ts';
import type { Holds } from '../limits/holds.ts';
import type { Permits } from '../limits/permit.ts';
import type { SendMarks } from '../limits/send-marks.ts';
import type { Semaphore } from '../limits/semaphore.ts';
import type { Bodies } from '../results/bodies.ts';
import type { Transforms } from '../transform/transforms.ts';
import { type TakenJob, admit } from './admit.ts';
import { attempt } from './attempt.ts';
import { ended, expired, interrupted, unforeseen } from './endings.ts';
import type { Suspects } from './suspects.ts';
import { transform, unknownTransform } from './transform.ts';
import type { Verdict } from './verdict.ts';

/** What a run needs of its process and queue. */
export type RunContext = {
  policy: Policy;
  agent: GuardedAgent;
  slots: Semaphore;
  permits: Permits;
  holds: Holds;
  bodies: Bodies;
  transforms: Transforms;
  sendMarks: SendMarks;
  suspects: Suspects;
  log: Logger;
  /** Epoch ms. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
};

/** A job of a newer producer is looked at again after this, by a newer worker perhaps. */
const newerMs = 30_000;

/** A suspect that finds another one running is put off for up to this: while it is in flight, a kill would count. */
const suspectMs = 1000;

/** One run of a job: what becomes of it, and whom its end is told. */
export type Ran = { verdict: Verdict; addressee: Addressee };

/** A process that lets so many permits of one job grow stale is too slow for it now. */
const permitTries = 3;

/**
 * One job, once through: admit -> slot -> attempt (guard -> connection -> permit -> send -> classify -> store) ->
 * transform. `settle` then carries the verdict out.
 */
export async function run(job: TakenJob, context: RunContext): Promise<Ran> {
  const admitted = admit(job, context.now());
  if (admitted.type !== 'admitted') {
    await context.permits.refund(job.queue, job.takenAt);
    if (admitted.type === 'newer')
      return { verdict: { type: 'give-back', putOffMs: newerMs }, addressee: {} };
    if (admitted.type === 'expired')
      return { verdict: expired(job.attemptsMade, context.now()), addressee: admitted.envelope };
    const { message, addressee } = admitted;
    return { verdict: ended('poison', job.attemptsMade, context.now(), message), addressee };
  }
  const { envelope } = admitted;
  const unknown = unknownTransform(job, envelope.transform, context);
  if (unknown !== null) {
    await context.permits.refund(job.queue, job.takenAt);
    return { verdict: unknown, addressee: envelope };
  }
  using turn = context.suspects.enter(job.stalls);
  if (turn === null) {
    await context.permits.refund(job.queue, job.takenAt);
    const putOffMs = Math.ceil(suspectMs * (0.2 + 0.8 * context.random()));
    return { verdict: { type: 'give-back', putOffMs }, addressee: envelope };
  }
  try {
    // The slot is one for a request in flight; transforms have their own bound, and hold up no request.
    const verdict = await inSlot(job, context, () => perform(job, envelope, context));
    return { verdict: await transform(verdict, job, envelope, context), addressee: envelope };
  } catch (error) {
    if (job.signal.aborted) return { verdict: interrupted(job, context.now()), addressee: envelope };
    // What the upstream does is a verdict; this is a fault of ours, or of Redis.
    context.log.error({ err: error, queue: job.queue, id: job.id }, 'a run failed');
    return { verdict: unforeseen(error, job, envelope, context), addressee: envelope };
  }
}

async function inSlot<T>(job: TakenJob, { slots, permits }: RunContext, work: () => Promise<T>): Promise<T> {
  const release = await slots.acquire(job.signal).catch(async (error: unknown) => {
    await permits.refund(job.queue, job.takenAt);
    throw error;
  });
  try {
    return await work();
  } finally {
    release();
  }
}

async function perform(job: TakenJob, envelope: Envelope, context: RunContext): Promise<Verdict> {
  const timeoutMs = envelope.timeoutMs ?? context.policy.timeout;
  const leftMs = (envelope.deadline ?? Number.POSITIVE_INFINITY) - context.now();
  using timer = new AttemptTimer(Math.max(1, Math.min(timeoutMs, leftMs)), job.signal);
  for (let tries = 0; tries < permitTries; tries++) {
    try {
      return await attempt(job, envelope, context, timer);
    } catch (error) {
      if (!(error instanceof StalePermit)) throw error;
      await context.permits.unused(job.queue, error.permit);
    }
  }
  await context.permits.refund(job.queue, job.takenAt);
  return { type: 'give-back', putOffMs: 0 };
}
