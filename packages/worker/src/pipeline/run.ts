import type { Addressee, Envelope, Logger, Policy } from '@sluice/shared';
import { Claim, type GuardedAgent } from '../http/agent.ts';
import { failureOf } from '../http/failure.ts';
import { type UsedPermit, StalePermit } from '../http/permit-age.ts';
import { AttemptTimer } from '../http/timeout.ts';
import type { Holds } from '../limits/holds.ts';
import type { PermitRequest, Permits } from '../limits/permit.ts';
import type { SendMarks } from '../limits/send-marks.ts';
import type { Semaphore } from '../limits/semaphore.ts';
import type { Bodies } from '../results/bodies.ts';
import type { Transforms } from '../transform/transforms.ts';
import { type TakenJob, admit, isPast } from './admit.ts';
import { type Attempt, classify } from './classify.ts';
import { ended, expired, hopFailure, interrupted, refused, unforeseen } from './endings.ts';
import { guard } from './guard.ts';
import { withIdempotencyKey } from './idempotency-key.ts';
import { HopRefused, send } from './send.ts';
import { largeBodies, store } from './store.ts';
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
 * One job, once through: admit -> slot -> guard -> connection -> permit -> send (guard and permit again on each
 * redirect, then read) -> classify -> store -> transform. `settle` then carries the verdict out.
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

/** One attempt. @throws StalePermit when its permit grew too old before the first byte left */
async function attempt(
  job: TakenJob,
  envelope: Envelope,
  context: RunContext,
  timer: AttemptTimer,
): Promise<Verdict> {
  const { policy, agent, permits } = context;
  const { queue, id, signal } = job;
  const ask = (origin: string, takenAt?: number) =>
    permits.obtain({ queue, policy, id, origin, attempt: timer, takenAt } satisfies PermitRequest);

  let origin: string | null = null;
  let permit: UsedPermit | null = null;
  let asked = false;
  let wasRedirected = false;
  let result: Attempt;
  try {
    const url = guard(envelope.req.url, policy, true);
    origin = url.origin;
    const prepared = agent.prepare(origin);
    using claim = prepared instanceof Claim ? prepared : await timer.race(prepared);
    timer.pause();
    asked = true;
    const answer = await ask(origin, job.takenAt);
    timer.run();
    if (answer.type !== 'go') return refused(answer, origin, job, context);
    if (isPast(envelope.deadline, context.now())) {
      await permits.unused(queue, answer.permit, job.takenAt);
      return expired(job.attemptsMade, context.now());
    }
    permit = answer.permit;
    const atMostOnce = (envelope.delivery ?? policy.delivery) === 'at-most-once';
    if (atMostOnce && !(await context.sendMarks.mark(job))) {
      await permits.unused(queue, permit, job.takenAt);
      return ended(
        'ambiguous',
        // The attempt that was begun counts: it may have been performed.
        job.attemptsMade + 1,
        context.now(),
        'this attempt was begun before, and its end is not known',
      );
    }
    const response = await send(withIdempotencyKey(envelope.req, id), url, {
      agent,
      policy,
      large: largeBodies(job, envelope, context, timer),
      timer,
      permit,
      claim,
      ask,
      unused: (stale) => permits.unused(queue, stale),
      onRedirect: () => {
        wasRedirected = true;
      },
    });
    result = { type: 'response', ...response, durationMs: performance.now() - permit.startAt };
  } catch (error) {
    if (signal.aborted && !asked) await permits.refund(queue, job.takenAt);
    signal.throwIfAborted();
    if (error instanceof StalePermit) {
      // Nothing was sent, so the next try must not take it for sent.
      await context.sendMarks.clear(job);
      throw error;
    }
    const isHop = error instanceof HopRefused;
    if (isHop && error.answer.type !== 'not-now') return refused(error.answer, '', job, context);
    const failure = isHop ? hopFailure(error.answer) : failureOf(error);
    if (failure === null) throw error;
    // A redirect is an answer: the first request has been performed.
    if (wasRedirected) failure.unsent = false;
    if (permit === null) await permits.refund(queue, job.takenAt);
    else if (failure.unsent) await permits.unused(queue, permit, job.takenAt);
    result = {
      type: 'failure',
      failure,
      durationMs: permit === null ? 0 : performance.now() - permit.startAt,
    };
  }

  const {
    verdict,
    holdMs,
    refused: wasRefused,
  } = classify(result, {
    envelope,
    policy,
    attemptsMade: job.attemptsMade,
    now: context.now(),
    random: context.random(),
  });
  if (origin !== null && (wasRefused || holdMs > 0)) {
    // The origin that answered: after a redirect it is not the first one.
    const answered = result.type === 'response' ? new URL(result.head.url).origin : origin;
    await context.holds.extend(queue, answered, holdMs, wasRefused ? result.durationMs : null);
  }
  return await store(verdict, result.type === 'response' ? result.stored : undefined, context);
}
