import type { TakenJob } from '../job/taken-job.ts';
import type { Verdict } from '../job/verdict.ts';
import { AttemptTimer } from '../http/attempt-timer.ts';
import { StalePermit, Ticket } from '../limits/ticket.ts';
import { type Admission, admit } from './admit.ts';
import { attempt } from './attempt.ts';
import type { Ran, RunContext } from './context.ts';
import { interrupted, notAdmitted, unforeseen } from './endings.ts';
import { retryIf, unknownRule } from './retry-if.ts';
import { transform, unknownTransform } from './transform.ts';

/** How long a suspect is put off while another one runs, ms at most: in flight, a kill would count against it. */
const suspectMs = 1000;

/** A process that lets this many permits of one job grow stale is too slow for it now. */
const permitTries = 3;

/**
 * One run of a job: admit -> slot -> attempt (guard -> connection -> permit -> send -> classify -> store) -> retry-if -> transform.
 * `settle` then carries the verdict out.
 */
export async function run(job: TakenJob, context: RunContext): Promise<Ran> {
  // What is not spent goes back, however the run ends.
  await using ticket = new Ticket(job, context);
  const admitted = admit(job, context.policy, context.now());
  if (admitted.type !== 'admitted') return notAdmitted(admitted, job, context);
  const { envelope } = admitted;
  const unknown = unknownTransform(job, envelope.transform, context) ?? unknownRule(context);
  if (unknown !== null) return { verdict: unknown, addressee: envelope };
  using turn = context.suspects.enter(job.stalls);
  if (turn === null) {
    const putOffMs = Math.ceil(suspectMs * (0.2 + 0.8 * context.random()));
    return { verdict: { type: 'give-back', putOffMs, cause: null }, addressee: envelope };
  }
  try {
    const answered = await inSlot(job, admitted, ticket, context);
    const verdict = await retryIf(answered, job, admitted, context);
    return { verdict: await transform(verdict, job, admitted, context), addressee: envelope };
  } catch (error) {
    if (job.signal.aborted) return { verdict: interrupted(job, context.now()), addressee: envelope };
    // What the upstream does leads to a verdict; this is a fault of ours, or of Redis.
    context.log.error({ err: error, queue: job.queue, id: job.id }, 'a run failed');
    return { verdict: unforeseen(error, job, admitted, ticket, context), addressee: envelope };
  }
}

/**
 * The attempt, in a slot. Slots are for requests in flight; transforms have their own bound, and hold up no request.
 */
async function inSlot(
  job: TakenJob,
  admission: Admission,
  ticket: Ticket,
  context: RunContext,
): Promise<Verdict> {
  using _ = await context.slots.acquire(job.signal);
  const leftMs = (admission.envelope.deadline ?? Number.POSITIVE_INFINITY) - context.now();
  using timer = new AttemptTimer(Math.max(1, Math.min(admission.terms.timeoutMs, leftMs)), job.signal);
  for (let tries = 0; tries < permitTries; tries++) {
    try {
      return await attempt(job, admission, ticket, timer, context);
    } catch (error) {
      if (!(error instanceof StalePermit)) throw error;
    }
  }
  return { type: 'give-back', putOffMs: 0, cause: null };
}
