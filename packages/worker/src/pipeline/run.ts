import { type Envelope, type Outcome, type Policy, codeOfOutcome } from '@sluice/shared';
import type { GuardedAgent } from '../http/agent.ts';
import { type Failure, UrlBlocked, failureOf } from '../http/failure.ts';
import { AttemptTimer } from '../http/timeout.ts';
import type { Holds } from '../limits/holds.ts';
import type { PermitAnswer, Permits } from '../limits/permit.ts';
import type { Semaphore } from '../limits/semaphore.ts';
import { type TakenJob, admit } from './admit.ts';
import { type Attempt, classify } from './classify.ts';
import { guard } from './guard.ts';
import { HopRefused, send } from './send.ts';
import { type Verdict, abortReasons } from './verdict.ts';

/** What a run needs of its process and queue. */
export type RunContext = {
  policy: Policy;
  agent: GuardedAgent;
  slots: Semaphore;
  permits: Permits;
  holds: Holds;
  /** Epoch ms. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
};

/** One run of a job: what becomes of it, and the envelope where it could be read. */
export type Ran = { verdict: Verdict; envelope: Envelope | null };

/**
 * One job, once through: admit -> slot -> guard -> permit -> send (guard and permit again on each redirect, then
 * read) -> classify. `settle` then carries the verdict out.
 */
export async function run(job: TakenJob, context: RunContext): Promise<Ran> {
  const admitted = admit(job, context.now());
  if (admitted.type === 'unreadable') {
    return { verdict: ended('poison', job, context, admitted.message), envelope: null };
  }
  const { envelope } = admitted;
  if (admitted.type === 'expired') {
    return { verdict: ended('expired', job, context, 'the deadline passed before the attempt'), envelope };
  }
  try {
    const release = await context.slots.acquire(job.signal);
    try {
      return { verdict: await attempt(job, envelope, context), envelope };
    } finally {
      release();
    }
  } catch (error) {
    // Only the abort of the job itself comes here: everything else is a verdict.
    if (!job.signal.aborted) throw error;
    return { verdict: interrupted(job, context), envelope };
  }
}

async function attempt(job: TakenJob, envelope: Envelope, context: RunContext): Promise<Verdict> {
  const { policy, permits } = context;
  let url: URL;
  try {
    url = guard(envelope.req.url, policy, true);
  } catch (error) {
    if (!(error instanceof UrlBlocked)) throw error;
    const failure: Failure = { kind: 'blocked', message: error.message, unsent: true };
    return await conclude(job, envelope, context, null, { type: 'failure', failure, durationMs: 0 });
  }

  const ask = (origin: string, takenAt: number | undefined): Promise<PermitAnswer> =>
    permits.obtain({ queue: job.queue, policy, id: job.id, origin, takenAt, signal: job.signal });
  const answer = await ask(url.origin, job.takenAt);
  if (answer.type !== 'go') return refused(answer, url.origin, job, context);

  const started = performance.now();
  using timer = new AttemptTimer(envelope.timeoutMs ?? policy.timeout, job.signal);
  let result: Attempt;
  try {
    const permit = (origin: string) => ask(origin, undefined);
    const response = await send(envelope.req, url, {
      dispatcher: context.agent.dispatcher,
      policy,
      timer,
      permit,
    });
    result = { type: 'response', ...response, durationMs: performance.now() - started };
  } catch (error) {
    job.signal.throwIfAborted();
    if (error instanceof HopRefused) return hopRefused(error.answer, job, context);
    const failure = failureOf(error);
    if (failure === null) throw error;
    result = { type: 'failure', failure, durationMs: performance.now() - started };
  }
  return await conclude(job, envelope, context, url, result);
}

/** Classifies the attempt, and holds the origin when the upstream asked for it. */
async function conclude(
  job: TakenJob,
  envelope: Envelope,
  context: RunContext,
  url: URL | null,
  result: Attempt,
): Promise<Verdict> {
  const { verdict, holdMs, refused } = classify(result, {
    envelope,
    policy: context.policy,
    attemptsMade: job.attemptsMade,
    now: context.now(),
    random: context.random(),
  });
  if (url !== null && (refused || holdMs > 0))
    await context.holds.refuse(job.queue, url.origin, holdMs, refused);
  return verdict;
}

/** The permit was refused, and nothing was sent. */
function refused(
  answer: Exclude<PermitAnswer, { type: 'go' }>,
  origin: string,
  job: TakenJob,
  context: RunContext,
): Verdict {
  if (answer.type === 'settled') return { type: 'settled-before' };
  if (answer.type === 'cancelled') return ended('cancelled', job, context, 'the job was cancelled');
  // With one origin the gate is closed, and the job waits at the front. In a mixed queue it would be taken again at
  // once; it is put off to the end of the hold, spread so that the held do not come back as one.
  const mixed = answer.reason === 'held' && context.policy.origin !== origin;
  return { type: 'give-back', putOffMs: mixed ? Math.ceil(answer.forMs * (1 + 0.1 * context.random())) : 0 };
}

/** The permit of a redirect hop was refused: the first request is spent, so the attempt is, too. */
function hopRefused(
  answer: Exclude<PermitAnswer, { type: 'go' }>,
  job: TakenJob,
  context: RunContext,
): Verdict {
  if (answer.type !== 'not-now') return refused(answer, '', job, context);
  return {
    type: 'retry',
    inMs: Math.max(1000, answer.forMs),
    message: `a redirect leads to an origin that is ${answer.reason}`,
  };
}

/** The job's own signal: this process stops, the caller does not want it any more, or another worker has it. */
function interrupted(job: TakenJob, context: RunContext): Verdict {
  const reason: unknown = job.signal.reason;
  if (reason === abortReasons.cancelled) return ended('cancelled', job, context, 'the job was cancelled');
  if (reason === abortReasons.lockLost) return { type: 'abandon' };
  return { type: 'give-back', putOffMs: 0 };
}

/** An end without an attempt of its own. */
function ended(
  kind: keyof typeof codeOfOutcome,
  job: TakenJob,
  context: RunContext,
  message: string,
): Verdict {
  const outcome: Outcome = {
    kind,
    attempts: job.attemptsMade,
    endedAt: context.now(),
    durationMs: 0,
    error: { code: codeOfOutcome[kind], message },
  };
  return { type: 'give-up', outcome, body: new Uint8Array() };
}
