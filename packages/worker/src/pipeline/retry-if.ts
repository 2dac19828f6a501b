import { type Outcome, codeOfOutcome, outcomeError } from '@sluice/shared';
import type { Transformed } from '../transform/contract.ts';
import type { TakenJob } from '../job/taken-job.ts';
import type { Admission } from './admit.ts';
import { backoffDelay } from './backoff.ts';
import { mayRepeat } from './classify.ts';
import { type Verdict, abortReasons } from '../job/verdict.ts';
import type { RunContext } from './context.ts';

type Context = Pick<RunContext, 'policy' | 'transforms' | 'now' | 'random' | 'log'>;

/** How long a job is put off by a worker that does not have the rule of its queue, ms; perhaps another one takes it. */
const otherWorkerMs = 30_000;

/** What happens to a job whose queue has a rule that this worker does not have: nothing is sent. Null: it has it. */
export function unknownRule({ policy, transforms }: Pick<Context, 'policy' | 'transforms'>): Verdict | null {
  const { retryIf } = policy;
  if (retryIf === undefined || transforms.names.includes(retryIf)) return null;
  return { type: 'give-back', putOffMs: otherWorkerMs, cause: null };
}

/** true, false, or ms; a text: what is wrong with it. */
function answerIn(result: Transformed): boolean | number | string {
  if (!result.ok) return result.message;
  const answer: unknown =
    result.contentType === 'application/json'
      ? JSON.parse(new TextDecoder().decode(result.bytes))
      : undefined;
  if (typeof answer === 'boolean' || (typeof answer === 'number' && answer >= 0)) return answer;
  return 'it returned neither true nor false nor a number of ms';
}

/**
 * Asks the rule of the queue about a response, whatever its status. Other verdicts pass unchanged. If the rule fails, the
 * response stands: it is what the upstream said. A rule cannot have a request repeated that must not be, nor beyond
 * the last attempt: the job then ends as `http-error`, with the response.
 */
export async function retryIf(
  verdict: Verdict,
  job: TakenJob,
  { envelope, terms }: Admission,
  { policy, transforms, now, random, log }: Context,
): Promise<Verdict> {
  const name = policy.retryIf;
  if (verdict.type !== 'done' || name === undefined || verdict.outcome.response === undefined) return verdict;
  const { outcome, body } = verdict;
  const { status, headers, url } = verdict.outcome.response;
  const repeatable = mayRepeat({ req: envelope.req, terms }, false);
  let result: Transformed;
  try {
    const input = { status, headers, url, body, meta: envelope.meta };
    result = await transforms.run(name, input, job.signal, 'retryIf');
  } catch (error) {
    // If the job were given back, its request would be made again.
    if (job.signal.reason !== abortReasons.shutdown || repeatable) throw error;
    return verdict;
  }
  const answer = answerIn(result);
  if (answer === false) return verdict;
  if (typeof answer === 'string') {
    log.warn(
      { queue: job.queue, id: job.id, retryIf: name },
      `retryIf failed, the response stands: ${answer}`,
    );
    return verdict;
  }
  const attempt = job.attemptsMade + 1;
  const message = `"${name}" (retryIf) rejected the response to attempt ${attempt}, status ${status}`;
  if (attempt < terms.attempts && repeatable) {
    const inMs =
      answer === true
        ? backoffDelay(terms.retry, job.attemptsMade, random())
        : Math.min(Math.ceil(answer), policy.maxHold);
    return { type: 'retry', inMs, message, cause: null };
  }
  const why = repeatable ? 'the last attempt' : 'the request must not be repeated';
  const error = outcomeError(codeOfOutcome['http-error'], `${message} (${why})`);
  const failure: Outcome = { ...outcome, kind: 'http-error', endedAt: now(), error };
  return { type: 'give-up', outcome: failure, body };
}
