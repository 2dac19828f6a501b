import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '@sluice/shared';
import { timerAt } from '../bounded.ts';
import type { Jobs } from '../jobs.ts';
import type { Replies } from '../replies/replies.ts';

/** Workers end a job within this of its deadline; a job that still waits then has no worker. */
const graceMs = 1500;

/** A look that has no answer after this has failed: Redis is away, ms. */
const lookMs = 2500;

/** A job that a worker has at its deadline may go back to wait for its next attempt, ms. */
const againMs = 5000;

/** What the look needs of its client. */
export type OverdueClient = { jobs: Jobs; replies: Replies };

/**
 * Awaits the outcome of a job, and looks for its end when its deadline has passed: perhaps no worker is there to end it,
 * or nobody else knows of it. If Redis does not answer then, the wait ends, too.
 * @param deadline of the job, epoch ms; undefined: it has none
 */
export async function untilOverdue<T>(
  { jobs, replies }: OverdueClient,
  { queue, id }: { queue: string; id: string },
  deadline: number | undefined,
  outcome: Promise<T>,
): Promise<T> {
  if (deadline === undefined) return await outcome;
  const over = new AbortController();
  const away = Promise.withResolvers<never>();
  const look = async () => {
    try {
      // No reply comes for a job that is gone without an outcome (its queue was removed), or whose outcome went to
      // nobody (the job could not be read, so nobody knew who awaits it). Only this look ends it.
      const found = await jobs.expire(queue, id);
      if (found === 'unknown' || found === 'ended') replies.watch(queue, id).catch(() => {});
    } catch {
      // Whoever awaits the outcome gets the error.
    }
    return true;
  };
  const lookAgain = async () => {
    while (!over.signal.aborted) {
      const waited = sleep(lookMs, false, { signal: over.signal }).catch(() => true);
      if (!(await Promise.race([look(), waited]))) return away.reject(awayAtDeadline());
      await sleep(againMs, undefined, { signal: over.signal, ref: false }).catch(() => {});
    }
  };
  const timer = timerAt(deadline + graceMs, () => void lookAgain());
  try {
    return await Promise.race([outcome, away.promise]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function awayAtDeadline(): SluiceError {
  return new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    'the deadline of the job has passed, and Redis does not answer; the job may have ended, and its outcome can be asked for again',
  );
}
