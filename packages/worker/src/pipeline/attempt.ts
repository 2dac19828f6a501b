import { failureOf } from '../http/failure.ts';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import { StalePermit, type Ticket } from '../limits/ticket.ts';
import type { TakenJob } from '../job/taken-job.ts';
import { type Admission, isPast } from './admit.ts';
import { type Attempt, classify } from './classify.ts';
import { denied, ended, expired, hopFailure } from './endings.ts';
import { guard } from './guard.ts';
import { withIdempotencyKey } from './idempotency-key.ts';
import type { RunContext } from './context.ts';
import { HopDenied, send } from './send.ts';
import { largeBodies, store } from './store.ts';
import type { Verdict } from '../job/verdict.ts';

/**
 * One attempt: guard -> connection -> permit -> send (guard and permit again on each redirect, then read) -> classify ->
 * store.
 * @throws StalePermit when its permit grew too old before the first byte left
 */
export async function attempt(
  job: TakenJob,
  { envelope, terms }: Admission,
  ticket: Ticket,
  timer: AttemptTimer,
  context: RunContext,
): Promise<Verdict> {
  const { policy, agent } = context;
  let origin: string | null = null;
  let result: Attempt;
  try {
    const url = guard(envelope.req.url, policy, true);
    origin = url.origin;
    const prepared = agent.prepare(origin);
    using claim = prepared instanceof Promise ? await timer.race(prepared) : prepared;
    const answer = await ticket.ask(origin, timer);
    if (answer.type !== 'go') return denied(answer, origin, job, context);
    if (isPast(envelope.deadline, context.now())) return expired(job.attemptsMade, context.now());
    if (terms.delivery === 'at-most-once' && !(await ticket.mark())) {
      return ended(
        'ambiguous',
        // The earlier attempt counts: it may have been performed.
        job.attemptsMade + 1,
        context.now(),
        'this attempt was started before, and how it ended is not known',
      );
    }
    const response = await send(withIdempotencyKey(envelope.req, job.id), url, {
      agent,
      policy,
      large: largeBodies(job, envelope, context, timer),
      timer,
      ticket,
      claim,
    });
    result = { type: 'response', ...response, durationMs: ticket.durationMs };
  } catch (error) {
    job.signal.throwIfAborted();
    if (error instanceof StalePermit) throw error;
    const isHop = error instanceof HopDenied;
    if (isHop && error.answer.type !== 'not-now') return denied(error.answer, '', job, context);
    const failure = isHop ? hopFailure(error) : failureOf(error, ticket.isSpent);
    if (failure === null) throw error;
    result = { type: 'failure', failure, durationMs: ticket.durationMs };
  }

  const {
    verdict: judged,
    holdMs,
    rejected: wasRejected,
  } = classify(result, {
    req: envelope.req,
    terms,
    maxHold: policy.maxHold,
    attemptsMade: job.attemptsMade,
    now: context.now(),
    random: context.random(),
  });
  let verdict = judged;
  if (origin !== null && (wasRejected || holdMs > 0)) {
    // The origin that answered: after a redirect it is not the first one.
    const head = result.type === 'response' ? result.head : result.failure.head;
    const answered = head === undefined ? origin : new URL(head.url).origin;
    await context.holds
      .extend(job.queue, answered, holdMs, wasRejected ? result.durationMs : null)
      // The upstream has answered, so the verdict stands.
      .catch((error: unknown) => context.log.error({ err: error, queue: job.queue }, 'a hold was not noted'));
    if (verdict.type === 'retry' && holdMs > 0)
      verdict = { ...verdict, cause: { type: 'held', origin: answered } };
  }
  return await store(verdict, result.type === 'response' ? result.stored : undefined, context);
}
