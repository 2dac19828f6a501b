import type { Redis } from 'ioredis';
import { SluiceError, fault } from '@sluice/shared';

/** A member of BullMQ's set of failed jobs. `score`: when it failed, epoch ms. */
export type FailedEntry = { id: string; score: string };

const pageSize = 500;

/** Where to go on after an entry. */
export function cursorOf({ id, score }: FailedEntry): string {
  return `${score}:${id}`;
}

function entryOf(cursor: string): FailedEntry {
  const match = /^(\d+):(.+)$/s.exec(cursor);
  if (match !== null) return { score: match[1]!, id: match[2]! };
  const message = `cursor: "${cursor}" is not a cursor; give the one that the previous list returned`;
  throw new SluiceError('SLUICE_INVALID_SPEC', message, { faults: [fault(['cursor'], message)] });
}

/**
 * The entries of a set of failed jobs in pages, newest first, after the cursor. Jobs that fail meanwhile do not show
 * up, and removals meanwhile shift nothing.
 * @throws SluiceError SLUICE_INVALID_SPEC for a value that is not a cursor
 */
export async function* failedPages(
  redis: Redis,
  failed: string,
  cursor?: string,
): AsyncGenerator<FailedEntry[], void, undefined> {
  let last = cursor === undefined ? null : entryOf(cursor);
  let offset = 0;
  for (;;) {
    const max = last?.score ?? '+inf';
    const flat = await redis.zrange(
      failed,
      max,
      '-inf',
      'BYSCORE',
      'REV',
      'LIMIT',
      offset,
      pageSize,
      'WITHSCORES',
    );
    const all: FailedEntry[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) {
      all.push({ id: flat[index]!, score: flat[index + 1]! });
    }
    const { score, id } = last ?? { score: '', id: '' };
    // Entries with the same score come in reverse order of their ids.
    const page = all.filter((entry) => entry.score !== score || entry.id < id);
    if (page.length > 0) yield page;
    if (all.length < pageSize) return;
    // More than a page failed in one millisecond: go on after them.
    offset = page.length > 0 ? 0 : offset + pageSize;
    last = page.at(-1) ?? last;
  }
}
