import { type Outcome, codeOfOutcome, outcomeError } from '@sluice/shared';
import type { Transformed } from '../transform/contract.ts';
import type { TakenJob } from '../job/taken-job.ts';
import type { Admission } from './admit.ts';
import { mayRepeat } from './classify.ts';
import { ended } from './endings.ts';
import { type Verdict, abortReasons } from '../job/verdict.ts';
import type { RunContext } from './context.ts';

type Context = Pick<RunContext, 'policy' | 'transforms' | 'now'>;

/** The end of a job whose transform this worker does not have: nothing is sent. Null: it has it, or none is named. */
export function unknownTransform(
  job: TakenJob,
  name: string | undefined,
  { transforms, now }: Context,
): Verdict | null {
  const known = transforms.names;
  if (name === undefined || known.includes(name)) return null;
  const message =
    known.length === 0
      ? `there is no transform "${name}": the worker has none (SLUICE_TRANSFORMS)`
      : `there is no transform "${name}"; the worker has: ${known.join(', ')}`;
  const verdict = ended('transform-error', job.attemptsMade, now(), message);
  verdict.outcome.error = outcomeError('SLUICE_UNKNOWN_TRANSFORM', message);
  return verdict;
}

/**
 * Replaces the body with the result of the job's transform. It runs on every outcome `response`, whatever its status;
 * other ends pass unchanged. A failed transform ends the job, because its request has been performed; the outcome has
 * the response as it came.
 */
export async function transform(
  verdict: Verdict,
  job: TakenJob,
  { envelope, terms }: Admission,
  { policy, transforms, now }: Context,
): Promise<Verdict> {
  const { transform: name, meta } = envelope;
  if (verdict.type !== 'done' || name === undefined || verdict.outcome.response === undefined) return verdict;
  const { outcome, body } = verdict;
  const { status, headers, url } = verdict.outcome.response;
  const failed = (why: string): Verdict => {
    const kind = 'transform-error';
    const message = `the transform "${name}" failed on a response with status ${status}: ${why}`;
    const error = outcomeError(codeOfOutcome[kind], message);
    const failure: Outcome = { ...outcome, kind, endedAt: now(), error };
    return { type: 'give-up', outcome: failure, body };
  };
  let result: Transformed;
  try {
    result = await transforms.run(name, { status, headers, url, body, meta }, job.signal);
  } catch (error) {
    // If the job were given back, its request would be made again.
    if (job.signal.reason !== abortReasons.shutdown || mayRepeat({ req: envelope.req, terms }, false))
      throw error;
    return failed('its worker was stopped, and the request must not be repeated');
  }
  if (!result.ok) return failed(result.message);
  const { bytes, contentType } = result;
  if (bytes.length > policy.maxBody) {
    return failed(
      `its result of ${bytes.length} bytes is larger than ${policy.maxBody} (maxBody of the queue)`,
    );
  }
  const transformed = { name, contentType };
  return { type: 'done', outcome: { ...outcome, endedAt: now(), transformed }, body: bytes };
}
