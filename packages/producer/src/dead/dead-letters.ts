import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Duration, type Keys, duration, purgeScript, redriveScript } from '@sluice/shared';
import type { Trail } from '../audit/trail.ts';
import { durationOption } from '../options.ts';
import { type DeadLetter, type DeadLetterDetail, deadLetterOf, redrivenData } from './dead-letter.ts';
import { type FailedEntry, cursorOf, failedPages } from './pages.ts';

/** Which failed jobs: by id, or all (with this code). */
export type DeadSelection = string | readonly string[] | { all: true; code?: string };

export type DeadListOptions = {
  /** Where to go on: the cursor that the previous list returned. */
  cursor?: string;
  /** Default 100. */
  limit?: number;
  /** Only those that failed with this code, such as `SLUICE_TIMEOUT`. */
  code?: string;
};

export type RedriveOptions = {
  /**
   * Also jobs that ended `ambiguous`: they must be performed at most once, and may have been. Default false: they stay
   * where they are.
   */
  ambiguous?: boolean;
  /** Stops between two jobs. */
  signal?: AbortSignal;
};

export type RedriveResult = {
  redriven: number;
  /** Ids of jobs that are not failed (any more), or that no worker can read. */
  skipped: string[];
  /** Ids of jobs that may have been performed, left where they are. */
  ambiguous: string[];
};

export interface PurgeOptions {
  /** Only those that failed at least this long ago: `"7d"`, or ms. Default 0: all. */
  olderThan?: Duration | undefined;
  /** @deprecated `olderThan`. ms */
  olderThanMs?: number | undefined;
  /** Only these. Default: all. */
  ids?: readonly string[] | undefined;
  /** Only those that failed with this code, such as `SLUICE_TIMEOUT`. Default: all. */
  code?: string | undefined;
}

const ageSchema = duration({ min: 0, max: 3660 * 86_400_000 });

function isAll(which: DeadSelection): which is { all: true; code?: string } {
  return typeof which === 'object' && 'all' in which;
}

/** What the audit log is told of a selection. */
function told(which: DeadSelection): object {
  return isAll(which) ? which : { ids: typeof which === 'string' ? [which] : which.slice(0, 20) };
}

const atOnce = 100;
const readAtOnce = 20;

/**
 * The failed jobs of a queue. Workers keep them as its policy says (`keepFailed`): 7 days, the last 10,000. A job that
 * was cancelled is none; those that workers of 0.1 left among them are not listed, and are removed instead of redriven.
 */
export class DeadLetters {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #trail: Trail;
  readonly #redrive: BoundTo<typeof redriveScript>;
  readonly #purge: BoundTo<typeof purgeScript>;

  constructor(redis: Redis, keys: Keys, trail: Trail) {
    this.#redis = redis;
    this.#keys = keys;
    this.#trail = trail;
    this.#redrive = bindScript(redis, keys, redriveScript);
    this.#purge = bindScript(redis, keys, purgeScript);
  }

  /** Newest first. `cursor`: where to go on, or null. @throws SluiceError SLUICE_INVALID_SPEC for a bad cursor */
  async list(
    queue: string,
    { cursor, limit = 100, code }: DeadListOptions = {},
  ): Promise<{ letters: DeadLetter[]; cursor: string | null }> {
    const letters: DeadLetter[] = [];
    for await (const page of failedPages(this.#redis, this.#keys.bull(queue).failed, cursor)) {
      for await (const letter of this.#readAll(queue, page)) {
        if (letter === null || letter.kind === 'cancelled') continue;
        if (code !== undefined && letter.code !== code) continue;
        const last = letters.at(-1);
        if (letters.length === limit && last !== undefined) {
          return { letters, cursor: cursorOf({ id: last.id, score: String(last.failedAt) }) };
        }
        const { outcome: _outcome, body: _body, data: _data, ...summary } = letter;
        letters.push(summary);
      }
    }
    return { letters, cursor: null };
  }

  /** One failed job with its outcome; null when there is none with this id. */
  async get(queue: string, id: string): Promise<DeadLetterDetail | null> {
    const score = await this.#redis.zscore(this.#keys.bull(queue).failed, id);
    const letter = score === null ? null : await this.#read(queue, { id, score }, true);
    return letter?.kind === 'cancelled' ? null : letter;
  }

  /**
   * Sends failed jobs back to their queue, oldest first, with all their attempts; their failure is remembered. If many
   * redrives run at once, only one moves a job. Jobs that fail again meanwhile are left.
   */
  async redrive(
    queue: string,
    which: DeadSelection,
    { ambiguous = false, signal }: RedriveOptions = {},
  ): Promise<RedriveResult> {
    const entries = await this.#select(queue, which);
    await this.#trail.note('dead.redrive', { queue, after: told(which) });
    const result: RedriveResult = { redriven: 0, skipped: [], ambiguous: [] };
    for (let start = 0; start < entries.length && signal?.aborted !== true; start += readAtOnce) {
      const some = entries.slice(start, start + readAtOnce);
      const ends = await Promise.all(some.map((entry) => this.#redriveOne(queue, entry, ambiguous)));
      for (const [index, { id }] of some.entries()) {
        const end = ends[index]!;
        if (end === 'redriven') result.redriven += 1;
        else if (end !== 'cancelled') result[end].push(id);
        // Of all failed jobs it never was one.
        else if (!isAll(which)) result.skipped.push(id);
      }
    }
    return result;
  }

  /**
   * Removes failed jobs for good. One that is redriven meanwhile is left alone.
   * @param options `olderThan`: only those that failed at least this long ago, `"7d"`, or ms; `ids`; `code`. Default: all
   * @returns how many were removed
   */
  async purge(queue: string, options: PurgeOptions = {}): Promise<number> {
    const { ids, code } = options;
    const names = ['olderThan', 'olderThanMs'] as const;
    const olderThanMs = durationOption(ageSchema, options, names, 'SLUICE_INVALID_SPEC') ?? 0;
    const [seconds] = await this.#redis.time();
    // One second more, because the clocks of workers may be ahead of Redis'.
    const until = olderThanMs > 0 ? (Number(seconds) + 1) * 1000 - olderThanMs : Number.MAX_SAFE_INTEGER;
    const entries = await this.#select(queue, ids ?? { all: true, ...(code !== undefined && { code }) });
    await this.#trail.note('dead.purge', {
      queue,
      before: { ...told(ids ?? { all: true, ...(code !== undefined && { code }) }), olderThanMs },
    });
    let removed = 0;
    for (let start = 0; start < entries.length; start += atOnce) {
      const answers = await Promise.all(
        entries.slice(start, start + atOnce).map(({ id }) => this.#purge([queue, id], { id, before: until })),
      );
      removed += answers.filter(Boolean).length;
    }
    return removed;
  }

  async #redriveOne(
    queue: string,
    entry: FailedEntry,
    ambiguous: boolean,
  ): Promise<'redriven' | 'skipped' | 'ambiguous' | 'cancelled'> {
    const letter = await this.#read(queue, entry, false);
    if (letter?.kind === 'cancelled') {
      await this.#purge([queue, entry.id], { id: entry.id, before: entry.score });
      return 'cancelled';
    }
    if (letter?.kind === 'ambiguous' && !ambiguous) return 'ambiguous';
    const next = letter === null ? null : redrivenData(letter, Date.now());
    if (next === null) return 'skipped';
    const { id, score } = entry;
    const args = { queue, id, score, data: next.data, deadline: next.deadline ?? '' };
    return (await this.#redrive([queue, id], args)) === 'redriven' ? 'redriven' : 'skipped';
  }

  /** Oldest first, without those that fail from now on. */
  async #select(queue: string, which: DeadSelection): Promise<FailedEntry[]> {
    const entries: FailedEntry[] = [];
    if (isAll(which)) {
      for await (const page of failedPages(this.#redis, this.#keys.bull(queue).failed)) {
        const { code } = which;
        if (code === undefined) entries.push(...page);
        else {
          for await (const letter of this.#readAll(queue, page)) {
            if (letter?.code === code) entries.push({ id: letter.id, score: String(letter.failedAt) });
          }
        }
      }
      return entries.toReversed();
    }
    const ids = [...new Set(typeof which === 'string' ? [which] : which)];
    if (ids.length === 0) return [];
    const scores = await this.#redis.zmscore(this.#keys.bull(queue).failed, ...ids);
    return ids.map((id, index) => ({ id, score: scores[index] ?? '' }));
  }

  /** Reads a few at a time: each may have a body of many MB. */
  async *#readAll(queue: string, entries: FailedEntry[]): AsyncGenerator<DeadLetterDetail | null> {
    for (let start = 0; start < entries.length; start += readAtOnce) {
      const some = entries.slice(start, start + readAtOnce);
      yield* await Promise.all(some.map((entry) => this.#read(queue, entry, false)));
    }
  }

  async #read(
    queue: string,
    { id, score }: FailedEntry,
    withOutcome: boolean,
  ): Promise<DeadLetterDetail | null> {
    const job = this.#keys.bull(queue).job(id);
    const [text, outcome] = await Promise.all([
      this.#redis.hmget(job, 'data', 'failedReason', 'timestamp', 'atm', 'priority', 'tries'),
      withOutcome ? this.#redis.hgetBuffer(job, 'outcome') : null,
    ]);
    const [data = null, failedReason = null, timestamp = null, made = null, priority = null, tries = null] =
      text;
    // BullMQ also counts runs that sent nothing; jobs of an older worker have only BullMQ's count.
    const attemptsMade = tries ?? made;
    // An unreadable job may lack its data; a job whose hash is gone lacks the reason, too.
    if ((data === null && failedReason === null) || score === '') return null;
    const fields = { data, failedReason, timestamp, attemptsMade, priority, outcome };
    return deadLetterOf(queue, id, Number(score), fields);
  }
}
