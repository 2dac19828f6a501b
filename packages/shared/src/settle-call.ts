import type { Addressee } from './envelope.ts';
import type { Keys } from './keys.ts';
import { settleVerdicts } from './lua/settle.ts';
import { type Outcome, type Settled, encodeSettled } from './outcome.ts';

/** A marker must outlive every run that could still find the job unfinished. */
const markerTtlMs = 600_000;

/** Replies nobody reads (their producer died) go after this, unless the worker is told otherwise. Each reply starts it anew. */
export const replyTtlMs = 600_000;

/** A batch that nobody adds to goes after this, or sooner if its producer says so. Each outcome starts it anew. */
export const batchTtlMs = 7 * 86_400_000;

/** A larger body is not kept with a dead letter, bytes. Thousands of them can lie in Redis for a week. */
const deadLetterBodyBytes = 65_536;

/** What a dead letter keeps of its outcome, as the settle script takes it. */
function deadLetterOf(outcome: Outcome, body: Uint8Array): string | Buffer {
  if (outcome.kind === 'response') return '';
  if (body.byteLength <= deadLetterBodyBytes) return '1';
  return encodeSettled({ ...outcome, bodyLeftOut: body.byteLength }, new Uint8Array());
}

/** The job that ends, and the token of the lock under which it is ended. */
export type EndedJob = { queue: string; id: string; token: string };

/**
 * The keys and arguments of a call of the settle script.
 * @param addressee null: nobody is known
 * @param replyMs how long replies that nobody reads are kept
 */
export function settleCall(
  keys: Keys,
  { queue, id, token }: EndedJob,
  addressee: Addressee | null,
  end: Settled,
  replyMs: number = replyTtlMs,
): [keys: string[], args: (string | number | Buffer)[]] {
  const { keepMs, replyTo = '', batch, meta } = addressee ?? {};
  const outcome = meta === undefined ? end.outcome : { ...end.outcome, meta };
  const outcomeKey = keys.outcome(queue, id);
  return [
    [
      keys.bull(queue).lock(id),
      outcomeKey,
      keys.watchers(queue, id),
      keys.deadlines(queue),
      batch === undefined ? outcomeKey : keys.batch(batch.name),
      batch === undefined ? outcomeKey : keys.batchState(batch.name),
    ],
    [
      token,
      encodeSettled(outcome, end.body),
      keepMs ?? markerTtlMs,
      keepMs === undefined ? 0 : 1,
      id,
      queue,
      keys.replies(''),
      replyTo,
      replyMs,
      batch?.index ?? '',
      outcome.kind === 'response' ? 0 : 1,
      batchTtlMs,
      deadLetterOf(outcome, end.body),
      outcome.attempts,
    ],
  ];
}

export type Committed = 'committed' | 'already' | 'refused';

/** What the settle script answered. */
export function committedOf(reply: unknown): Committed {
  if (reply === settleVerdicts.committed) return 'committed';
  return reply === settleVerdicts.already ? 'already' : 'refused';
}
