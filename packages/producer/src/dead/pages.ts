import type { Redis } from 'ioredis';
import { SluiceError, fault } from '@sluice/shared';

/** A member of BullMQ's set of failed jobs. `score`: when it failed, epoch ms. */
export type FailedEntry = { id: string; score: string };

/** Which entries, and in which order. */
export type Walk = {
  /** Only those after this one, in this order. */
  after: FailedEntry | null;
  order: 'newest' | 'oldest';
  /** Lowest and highest score, as Redis writes bounds. Default: all. */
  min?: string;
  max?: string;
};

const pageSize = 500;

/** Where to go on after an entry. */
export function cursorOf({ id, score }: FailedEntry): string {
  return `${score}:${id}`;
}

/** @throws SluiceError SLUICE_INVALID_SPEC for a text that is not a cursor of this form */
export function entryOf(cursor: string): FailedEntry {
  const match = /^(\d+):(.+)$/s.exec(cursor);
  if (match !== null) return { score: match[1]!, id: match[2]! };
  throw badCursor(cursor);
}

/** A walk over a selection goes up to the newest entry at its start: what fails meanwhile is not of it. */
export type WalkState = { newest: string; startedAt: number; after: FailedEntry | null };

/** Where a walk over a selection goes on. */
export function walkCursorOf({ newest, startedAt, after }: WalkState): string {
  return `${newest}-${startedAt}-${after === null ? '' : cursorOf(after)}`;
}

/** @throws SluiceError SLUICE_INVALID_SPEC for a text that is not a cursor of this form */
export function walkStateOf(cursor: string): WalkState {
  const match = /^(\d+)-(\d+)-(.+)$/s.exec(cursor);
  if (match === null) throw badCursor(cursor);
  return { newest: match[1]!, startedAt: Number(match[2]), after: entryOf(match[3]!) };
}

function badCursor(cursor: string): SluiceError {
  const message = `cursor: "${cursor}" is not a cursor; give the one that the previous answer had`;
  return new SluiceError('SLUICE_INVALID_SPEC', message, { faults: [fault(['cursor'], message)] });
}

/**
 * The entries of a set of failed jobs in pages. Jobs that fail meanwhile do not show up among the newest first, and
 * removals meanwhile shift nothing.
 */
export async function* failedPages(
  redis: Redis,
  failed: string,
  { after, order, min = '-inf', max = '+inf' }: Walk,
): AsyncGenerator<FailedEntry[], void, undefined> {
  const isNewest = order === 'newest';
  let last = after;
  let offset = 0;
  for (;;) {
    const first = last?.score ?? (isNewest ? max : min);
    const range = isNewest ? ([first, min, 'BYSCORE', 'REV'] as const) : ([first, max, 'BYSCORE'] as const);
    const args = [...range, 'LIMIT', offset, pageSize, 'WITHSCORES'] as const;
    const flat = (await redis.call('zrange', failed, ...args.map(String))) as string[];
    const all: FailedEntry[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) {
      all.push({ id: flat[index]!, score: flat[index + 1]! });
    }
    const { score, id } = last ?? { score: '', id: '' };
    // Entries with the same score come in the order of their ids, or in its reverse.
    const isPast = (entry: FailedEntry) => (isNewest ? entry.id < id : entry.id > id);
    const page = all.filter((entry) => entry.score !== score || isPast(entry));
    if (page.length > 0) yield page;
    if (all.length < pageSize) return;
    // More than a page failed in one millisecond: go on after them.
    offset = page.length > 0 ? 0 : offset + pageSize;
    last = page.at(-1) ?? last;
  }
}
