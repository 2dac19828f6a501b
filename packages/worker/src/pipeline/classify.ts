import {
  type HttpRequest,
  type Outcome,
  type OutcomeKind,
  type ResponseHead,
  type StoredBody,
  codeOfOutcome,
  outcomeError,
} from '@sluice/shared';
import { askedDelay, backoffDelay } from './backoff.ts';
import { readRetryAdvice } from '../retry-advice/retry-advice.ts';
import type { Failure } from '../http/failure.ts';
import type { Terms } from '../job/terms.ts';
import type { Verdict } from '../job/verdict.ts';

/** How one attempt went. */
export type Attempt =
  | { type: 'response'; head: ResponseHead; body: Uint8Array; stored?: StoredBody; durationMs: number }
  | { type: 'failure'; failure: Failure; durationMs: number };

/** What the verdict depends on besides the attempt. */
export type ClassifyContext = {
  req: HttpRequest;
  terms: Terms;
  /** The longest hold that is obeyed, ms. */
  maxHold: number;
  /** Attempts that ended before this one. */
  attemptsMade: number;
  /** Epoch ms. */
  now: number;
  /** In [0, 1). */
  random: number;
};

/** The verdict, and how long the origin should be held (0: not); `rejected`: the upstream rejected this request. */
export type Classified = { verdict: Verdict; holdMs: number; rejected: boolean };

/** The statuses of the default list: those that the policy leaves out are not retried. */
const usualStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Statuses that, with a stated wait, reject the request unprocessed (408, 500 and 502 may have begun). */
function meansRejected(status: number): boolean {
  return status === 503 || (status >= 400 && status < 500 && status !== 408);
}

const none = new Uint8Array();

/**
 * One attempt -> what happens to the job. Pure.
 *
 * A status is retried if the policy lists it, unless the upstream's should-retry header says otherwise (either way).
 * Methods that are not idempotent (RFC 9110, 9.2.2) are retried only after proof that nothing happened, or when the
 * caller sent an Idempotency-Key.
 */
export function classify(attempt: Attempt, context: ClassifyContext): Classified {
  if (attempt.type === 'response') return classifyResponse(attempt, context);
  const { head } = attempt.failure;
  if (head === undefined) return classifyFailure(attempt, context);
  // The status comes before the body: a retryable one is judged by its head, whatever happened to the rest.
  const judged = classifyResponse(
    { type: 'response', head, body: none, durationMs: attempt.durationMs },
    context,
  );
  return judged.verdict.type === 'done'
    ? { ...classifyFailure(attempt, context), holdMs: judged.holdMs, rejected: judged.rejected }
    : judged;
}

function classifyResponse(attempt: Attempt & { type: 'response' }, context: ClassifyContext): Classified {
  const { head, body, durationMs } = attempt;
  const { maxHold, now } = context;
  const { retry } = context.terms;
  const advice = readRetryAdvice(head, {
    now,
    extraRetryStatuses: retry.statuses,
    resetUnit: retry.resetUnit ?? undefined,
    profile: retry.profile ?? undefined,
  });
  const { status } = head;
  const listed = retry.statuses.includes(status);
  // GitHub's 403, a 413 or an unknown 5xx passes by itself if it names a time. A usual status that is not listed is
  // final.
  const timed = advice.waitMs !== null && !usualStatuses.has(status);
  if (!(advice.shouldRetry ?? (listed || timed))) {
    const holdMs = Math.min(advice.holdMs ?? advice.waitMs ?? 0, maxHold);
    const rejected = status === 429;
    // A listed status is still a failure to the caller, although it must not be retried.
    if (listed)
      return { verdict: giveUp(context, attempt, 'the upstream forbids a retry'), holdMs, rejected };
    const outcome: Outcome = { ...base('response', context, durationMs), response: head };
    return { verdict: { type: 'done', outcome, body }, holdMs, rejected };
  }

  const rejected = status === 429 || (advice.waitMs !== null && meansRejected(status));
  const asked = advice.waitMs === null ? 0 : Math.min(advice.waitMs, maxHold);
  const holdMs = rejected ? asked : 0;
  // 425: the server was unwilling to process it (RFC 8470, 5.2).
  const untouched = rejected || status === 425;
  if (!mayRepeat(context, untouched)) {
    const why = `a ${context.req.method} is not repeated without an idempotency-key header`;
    return { verdict: giveUp(context, attempt, why), holdMs, rejected };
  }
  if (isLast(context)) return { verdict: giveUp(context, attempt, 'the last attempt'), holdMs, rejected };
  const inMs =
    asked > 0 ? askedDelay(asked, context.random) : backoffDelay(retry, context.attemptsMade, context.random);
  return {
    verdict: {
      type: 'retry',
      inMs,
      message: `the upstream answered ${status}`,
      cause: asked > 0 ? { type: 'asked' } : null,
      kind: kindOf(status),
      status,
    },
    holdMs,
    rejected,
  };
}

/** Failures whose cause may be gone at the next attempt. */
const passingKinds = new Set<Failure['kind']>(['timeout', 'network', 'store-error', 'internal']);

function classifyFailure(attempt: Attempt & { type: 'failure' }, context: ClassifyContext): Classified {
  const { failure, durationMs } = attempt;
  const passing = failure.passes ?? passingKinds.has(failure.kind);
  if (passing && !isLast(context) && mayRepeat(context, failure.unsent)) {
    const backoff = backoffDelay(context.terms.retry, context.attemptsMade, context.random);
    const inMs = failure.waitMs ? askedDelay(Math.max(backoff, failure.waitMs), context.random) : backoff;
    const { message, heldOrigin: origin } = failure;
    return {
      verdict: {
        type: 'retry',
        inMs,
        message,
        cause: origin === undefined ? null : { type: 'held', origin },
        kind: failure.kind,
      },
      holdMs: 0,
      rejected: false,
    };
  }
  const error = outcomeError(codeOfOutcome[failure.kind], failure.message);
  // A URL that the guard blocks is never attempted; a redirect that it blocks comes after an attempt.
  const untried = failure.kind === 'blocked' && failure.unsent;
  const attempts = context.attemptsMade + (untried ? 0 : 1);
  const outcome: Outcome = { ...base(failure.kind, context, durationMs), attempts, error };
  return { verdict: { type: 'give-up', outcome, body: none }, holdMs: 0, rejected: false };
}

/** How an attempt ended whose status is no response. */
function kindOf(status: number): OutcomeKind & ('rate-limited' | 'http-error') {
  return status === 429 ? 'rate-limited' : 'http-error';
}

function giveUp(context: ClassifyContext, attempt: Attempt & { type: 'response' }, why: string): Verdict {
  const { head, body, durationMs } = attempt;
  const kind = kindOf(head.status);
  const message = `the upstream answered ${head.status} to attempt ${context.attemptsMade + 1} (${why})`;
  const outcome: Outcome = {
    ...base(kind, context, durationMs),
    response: head,
    error: outcomeError(codeOfOutcome[kind], message),
  };
  return { type: 'give-up', outcome, body };
}

function base(kind: OutcomeKind, context: ClassifyContext, durationMs: number) {
  return {
    kind,
    attempts: context.attemptsMade + 1,
    endedAt: context.now,
    durationMs: Math.round(durationMs),
  };
}

function isLast({ terms, attemptsMade }: ClassifyContext): boolean {
  return attemptsMade + 1 >= terms.attempts;
}

/** May the request be made again? @param untouched it is proven that nothing happened */
export function mayRepeat(
  { req, terms }: Pick<ClassifyContext, 'req' | 'terms'>,
  untouched: boolean,
): boolean {
  if (untouched) return true;
  if (terms.delivery === 'at-most-once') return false;
  const { methods, honoursIdempotencyKey } = terms.retry;
  return (
    methods.includes(req.method) || honoursIdempotencyKey || req.headers['idempotency-key'] !== undefined
  );
}
