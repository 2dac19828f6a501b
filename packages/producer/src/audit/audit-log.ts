import type { Redis } from 'ioredis';
import { type AuditEntry, type Keys, SluiceError, fault } from '@sluice/shared';

export type AuditListOptions = {
  /** Only what was done by him. Default: all. */
  actor?: string | undefined;
  /** Only what concerns this queue. Default: all. */
  queue?: string | undefined;
  /** At most so many entries, 1 to 1000. Default 100. */
  limit?: number | undefined;
  /** Where to go on: the cursor that the previous list returned. Default, and null: from the newest on. */
  cursor?: string | null | undefined;
};

/** `cursor`: where to go on; null: there are no more. `examined`: how many entries were looked at for these. */
export type AuditPage = { items: AuditEntry[]; cursor: string | null; examined: number };

/** Entries that one call looks at. */
const mostExamined = 1000;

const cursorPattern = /^\d{1,20}-\d{1,20}$/;

function valueOf(text: string | undefined): unknown {
  if (text === undefined || text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    // It was cut off.
    return text;
  }
}

function entryOf([id, fields]: [string, string[]]): AuditEntry {
  const all = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) all.set(fields[at]!, fields[at + 1]!);
  return {
    id,
    at: Number(id.split('-', 1)[0]),
    actor: all.get('actor') ?? '',
    action: all.get('action') ?? '',
    queue: all.get('queue') || null,
    subject: all.get('subject') || null,
    before: valueOf(all.get('before')),
    after: valueOf(all.get('after')),
  };
}

/**
 * The changes that were made to queues, dead letters and API keys, by whom. The last 10,000 are kept, and of one actor
 * the last 1000.
 */
export class AuditLog {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * The newest first. Looks at 1000 entries at most: with `actor` or `queue` there may be fewer items than `limit`, and
   * more behind the cursor.
   * @throws SluiceError SLUICE_INVALID_SPEC for a bad cursor
   */
  async list({ actor, queue, limit = 100, cursor }: AuditListOptions = {}): Promise<AuditPage> {
    if (cursor != null && !cursorPattern.test(cursor)) {
      const message = `"${cursor}" is not a cursor; give the one that the previous list returned`;
      throw new SluiceError('SLUICE_INVALID_SPEC', `cursor: ${message}`, {
        faults: [fault(['cursor'], message)],
      });
    }
    const isFiltered = actor !== undefined || queue !== undefined;
    const count = isFiltered ? mostExamined : limit;
    const from = cursor == null ? '+' : `(${cursor}`;
    const found = await this.#redis.xrevrange(this.#keys.audit, from, '-', 'COUNT', count);
    const items: AuditEntry[] = [];
    let examined = 0;
    for (const one of found) {
      if (items.length === limit) break;
      examined += 1;
      const entry = entryOf(one);
      if (actor !== undefined && entry.actor !== actor) continue;
      if (queue !== undefined && entry.queue !== queue) continue;
      items.push(entry);
    }
    const isAll = examined === found.length && found.length < count;
    return { items, cursor: isAll || examined === 0 ? null : found[examined - 1]![0], examined };
  }
}
