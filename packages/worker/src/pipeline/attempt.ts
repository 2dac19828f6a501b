import type { Envelope } from '@sluice/shared';
import { Claim } from '../http/agent.ts';
import { failureOf } from '../http/failure.ts';
import { type UsedPermit, StalePermit } from '../http/permit-age.ts';
import type { AttemptTimer } from '../http/timeout.ts';
import type { PermitRequest } from '../limits/permit.ts';
import { isAtMostOnce } from '../limits/send-marks.ts';
import { type TakenJob, isPast } from './admit.ts';
import { type Attempt, classify } from './classify.ts';
import { ended, expired, hopFailure, refused } from './endings.ts';
import { guard } from './guard.ts';
import { withIdempotencyKey } from './idempotency-key.ts';
import type { RunContext } from './run.ts';
import { HopRefused, send } from './send.ts';
import { largeBodies, store } from './store.ts';
import type { Verdict } from './verdict.ts';

/**
 * One attempt: guard -> connection -> permit -> send (guard and permit again on each redirect, then read) -> classify ->
 * store.
 * @throws StalePermit when its permit grew too old before the first byte left
 */
export async function attempt(
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
    if (isAtMostOnce(envelope, policy) && !(await context.sendMarks.mark(job))) {
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
