import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Duration, type Keys, duration, purgeScript, redriveScript } from '@sluice/shared';
import type { Trail } from '../audit/trail.ts';
import { durationOption } from '../options.ts';
import { type DeadLetter, type DeadLetterDetail, deadLetterOf, redrivenData } from './dead-letter.ts';
import { type DeadFilter, entryMatches, isOfEntries, letterMatches } from './filter.ts';
import {
  type FailedEntry,
  type WalkState,
  cursorOf,
  entryOf,
  failedPages,
  walkCursorOf,
  walkStateOf,
} from './pages.ts';

/** Which failed jobs: by id, or all that a filter means. */
export type DeadSelection = string | readonly string[] | ({ all: true } & DeadFilter);

export interface DeadListOptions extends DeadFilter {
  /** Where to go on: the cursor that the previous list returned. */
  cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  limit?: number | undefined;
}

/** A part of the failed jobs. */
export type DeadPage = {
  letters: DeadLetter[];
  /** Where to go on; null: this was the end. With a filter there may be more even where `letters` has fewer than `limit`. */
  cursor: string | null;
  /** How many failed jobs were looked at: at most 1,000. */
  examined: number;
};

export type RedriveOptions = {
  /**
   * Also jobs that ended `ambiguous`: they must be performed at most once, and may have been. Default false: they stay
   * where they are.
   */
  ambiguous?: boolean;
  /** Stops between two jobs. */
  signal?: AbortSignal;
  /** Called now and then: how many failed jobs of a selection were looked at, and how many of them sent back. */
  progress?: (examined: number, redriven: number) => void;
};

export type RedriveResult = {
  redriven: number;
  /** Ids of jobs that are not failed (any more), or that no worker can read; of `all`, the first 1,000. */
  skipped: string[];
  /** Ids of jobs that may have been performed, left where they are; of `all`, the first 1,000. */
  ambiguous: string[];
};

/** Which failed jobs are removed. Default: all. */
export interface PurgeOptions extends DeadFilter {
  /** Only those that failed at least this long ago: `"7d"`, or ms. Default 0: all. */
  olderThan?: Duration | undefined;
  /** @deprecated `olderThan`. ms */
  olderThanMs?: number | undefined;
  /** Only these. Default: all. */
  ids?: readonly string[] | undefined;
  /** Stops between two jobs. */
  signal?: AbortSignal | undefined;
  /** Called now and then: how many failed jobs were looked at, and how many of them removed. */
  progress?: ((examined: number, removed: number) => void) | undefined;
}

/** A part of the walk over a selection. */
export type WalkPage = {
  /** Where to go on; null: this was the end. */
  cursor: string | null;
  /** How many failed jobs were looked at: at most 1,000. */
  examined: number;
};

const ageSchema = duration({ min: 0, max: 3660 * 86_400_000 });

function isAll(which: DeadSelection): which is { all: true } & DeadFilter {
  return typeof which === 'object' && 'all' in which;
}

/** What the audit log is told of a selection. */
function told(which: DeadSelection): object {
  return isAll(which) ? which : { ids: typeof which === 'string' ? [which] : which.slice(0, 20) };
}

const readAtOnce = 20;

/** Failed jobs that one call of a list, or of a page of a selection, looks at. */
const mostExamined = 1000;

/** Ids that the result of a selection names. */
const mostNamed = 1000;

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

  /**
   * Newest first, those that the filter means. A call looks at 1,000 failed jobs at most: read on from `cursor` until it is
   * null. @throws SluiceError SLUICE_INVALID_SPEC for a bad cursor
   */
  async list(queue: string, options: DeadListOptions = {}): Promise<DeadPage> {
    const { cursor, limit = 100, ...filter } = options;
    const { since, until } = filter;
    const letters: DeadLetter[] = [];
    let examined = 0;
    const pages = failedPages(this.#redis, this.#keys.bull(queue).failed, {
      after: cursor === undefined ? null : entryOf(cursor),
      order: 'newest',
      ...(since !== undefined && { min: String(since) }),
      ...(until !== undefined && { max: `(${until}` }),
    });
    let last: FailedEntry | null = null;
    for await (const page of pages) {
      for (let start = 0; start < page.length; start += readAtOnce) {
        const some = page.slice(start, start + readAtOnce);
        const read = await this.#readSome(queue, some, filter);
        for (const [index, entry] of some.entries()) {
          if (last !== null && (examined === mostExamined || letters.length === limit))
            return { letters, cursor: cursorOf(last), examined };
          examined += 1;
          last = entry;
          const letter = read[index]!;
          if (letter === null || letter.kind === 'cancelled') continue;
          const { outcome: _outcome, body: _body, data: _data, ...summary } = letter;
          letters.push(summary);
        }
      }
    }
    return { letters, cursor: null, examined };
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
    { ambiguous = false, signal, progress }: RedriveOptions = {},
  ): Promise<RedriveResult> {
    const result: RedriveResult = { redriven: 0, skipped: [], ambiguous: [] };
    if (isAll(which)) {
      let cursor: string | null | undefined;
      let examined = 0;
      do {
        const page = await this.redrivePage(queue, which, { ambiguous, cursor });
        ({ cursor } = page);
        examined += page.examined;
        result.redriven += page.redriven;
        for (const list of ['skipped', 'ambiguous'] as const)
          result[list].push(...page[list].slice(0, mostNamed - result[list].length));
        progress?.(examined, result.redriven);
      } while (cursor !== null && signal?.aborted !== true);
      return result;
    }
    await this.#trail.note('dead.redrive', { queue, after: told(which) });
    const entries = await this.#named(queue, typeof which === 'string' ? [which] : which);
    for (let start = 0; start < entries.length && signal?.aborted !== true; start += readAtOnce) {
      const some = entries.slice(start, start + readAtOnce);
      const ends = await Promise.all(some.map((entry) => this.#redriveOne(queue, entry, ambiguous)));
      for (const [index, { id }] of some.entries()) {
        const end = ends[index]!;
        if (end === 'redriven') result.redriven += 1;
        else result[end === 'ambiguous' ? 'ambiguous' : 'skipped'].push(id);
      }
    }
    return result;
  }

  /**
   * A part of a redrive of a selection, the oldest first: looks at 1,000 failed jobs at most. Whoever calls it again with
   * its `cursor`, until that is null, redrives all that had failed at the first call; whoever does not has cancelled it.
   * @throws SluiceError SLUICE_INVALID_SPEC for a bad cursor
   */
  async redrivePage(
    queue: string,
    filter: DeadFilter,
    options: { ambiguous?: boolean; cursor?: string | null | undefined } = {},
  ): Promise<RedriveResult & WalkPage> {
    const { ambiguous = false, cursor } = options;
    if (cursor == null) await this.#trail.note('dead.redrive', { queue, after: { all: true, ...filter } });
    const result = { redriven: 0, skipped: [] as string[], ambiguous: [] as string[] };
    const walked = await this.#walk(queue, filter, cursor, async (entries, startedAt) => {
      const meant = await this.#meant(queue, entries, filter);
      const ends = await Promise.all(
        meant.map((entry) => this.#redriveOne(queue, entry, ambiguous, startedAt)),
      );
      for (const [index, { id }] of meant.entries()) {
        const end = ends[index]!;
        if (end === 'redriven') result.redriven += 1;
        // Of all failed jobs it never was one.
        else if (end !== 'cancelled' && end !== 'again') result[end].push(id);
      }
    });
    return { ...result, ...walked };
  }

  /**
   * Removes failed jobs for good. One that is redriven meanwhile is left alone.
   * @param options `olderThan`: only those that failed at least this long ago, `"7d"`, or ms; `ids`; a filter. Default: all
   * @returns how many were removed
   */
  async purge(queue: string, options: PurgeOptions = {}): Promise<number> {
    const { ids, signal, progress } = options;
    let removed = 0;
    if (ids === undefined) {
      let cursor: string | null | undefined;
      let examined = 0;
      do {
        const page = await this.purgePage(queue, options, cursor);
        ({ cursor } = page);
        examined += page.examined;
        removed += page.removed;
        progress?.(examined, removed);
      } while (cursor !== null && signal?.aborted !== true);
      return removed;
    }
    const before = await this.#before(options);
    await this.#trail.note('dead.purge', { queue, before: { ...told(ids), before } });
    const entries = await this.#named(queue, ids);
    for (let start = 0; start < entries.length && signal?.aborted !== true; start += readAtOnce)
      removed += await this.#purgeAll(queue, entries.slice(start, start + readAtOnce), before);
    return removed;
  }

  /**
   * A part of a purge of a selection, as `redrivePage`.
   * @throws SluiceError SLUICE_INVALID_SPEC for a bad cursor
   */
  async purgePage(
    queue: string,
    options: Omit<PurgeOptions, 'ids'> = {},
    cursor?: string | null,
  ): Promise<{ removed: number } & WalkPage> {
    const { olderThan: _age, olderThanMs: _ageMs, signal: _signal, progress: _progress, ...filter } = options;
    const before = await this.#before(options);
    if (cursor == null)
      await this.#trail.note('dead.purge', { queue, before: { all: true, ...filter, before } });
    const until = Math.min(filter.until ?? Number.MAX_SAFE_INTEGER, before + 1);
    let removed = 0;
    const walked = await this.#walk(queue, { ...filter, until }, cursor, async (entries) => {
      const meant = await this.#meant(queue, entries, filter);
      removed += await this.#purgeAll(queue, meant, before);
    });
    return { removed, ...walked };
  }

  /** The highest score of those that failed as long ago as is asked for. */
  async #before(options: PurgeOptions): Promise<number> {
    const names = ['olderThan', 'olderThanMs'] as const;
    const olderThanMs = durationOption(ageSchema, options, names, 'SLUICE_INVALID_SPEC') ?? 0;
    if (olderThanMs === 0) return Number.MAX_SAFE_INTEGER - 1;
    const [seconds] = await this.#redis.time();
    // One second more, because the clocks of workers may be ahead of Redis'.
    return (Number(seconds) + 1) * 1000 - olderThanMs;
  }

  async #purgeAll(queue: string, entries: FailedEntry[], before: number): Promise<number> {
    const answers = await Promise.all(entries.map(({ id }) => this.#purge([queue, id], { id, before })));
    return answers.filter(Boolean).length;
  }

  /** Those that a filter means. What a job is, is read only where that is asked for. */
  async #meant(queue: string, entries: FailedEntry[], filter: DeadFilter): Promise<FailedEntry[]> {
    const read = isOfEntries(filter) ? null : await this.#readSome(queue, entries, filter);
    return entries.filter(
      ({ id, score }, index) =>
        entryMatches(filter, id, Number(score)) && (read === null || read[index] !== null),
    );
  }

  /** Calls back with the entries in the times of a filter, the oldest first, a few at a time; 1,000 at most. */
  async #walk(
    queue: string,
    { since, until }: DeadFilter,
    cursor: string | null | undefined,
    each: (entries: FailedEntry[], startedAt: number) => Promise<void>,
  ): Promise<WalkPage> {
    const { failed } = this.#keys.bull(queue);
    const state: WalkState =
      cursor == null
        ? { newest: await this.#newest(failed), startedAt: Date.now(), after: null }
        : walkStateOf(cursor);
    const pages = failedPages(this.#redis, failed, {
      after: state.after,
      order: 'oldest',
      min: String(since ?? 0),
      max: until !== undefined && until <= Number(state.newest) ? `(${until}` : state.newest,
    });
    let examined = 0;
    for await (const page of pages) {
      for (let start = 0; start < page.length; start += readAtOnce) {
        if (examined >= mostExamined) return { cursor: walkCursorOf(state), examined };
        const some = page.slice(start, Math.min(start + readAtOnce, start + mostExamined - examined));
        await each(some, state.startedAt);
        examined += some.length;
        state.after = some.at(-1)!;
      }
    }
    return { cursor: null, examined };
  }

  async #newest(failed: string): Promise<string> {
    const [, score = '0'] = await this.#redis.zrange(failed, '0', '0', 'REV', 'WITHSCORES');
    return score;
  }

  /** @param startedAt `again`: it was redriven since, epoch ms, and has failed again */
  async #redriveOne(
    queue: string,
    entry: FailedEntry,
    ambiguous: boolean,
    startedAt = Number.POSITIVE_INFINITY,
  ): Promise<'redriven' | 'skipped' | 'ambiguous' | 'cancelled' | 'again'> {
    const letter = await this.#read(queue, entry, false);
    if (letter?.kind === 'cancelled') {
      await this.#purge([queue, entry.id], { id: entry.id, before: entry.score });
      return 'cancelled';
    }
    if (letter !== null && (letter.redrives.at(-1)?.at ?? 0) >= startedAt) return 'again';
    if (letter?.kind === 'ambiguous' && !ambiguous) return 'ambiguous';
    const next = letter === null ? null : redrivenData(letter, Date.now());
    if (next === null) return 'skipped';
    const { id, score } = entry;
    const args = { queue, id, score, data: next.data, deadline: next.deadline ?? '' };
    return (await this.#redrive([queue, id], args)) === 'redriven' ? 'redriven' : 'skipped';
  }

  async #named(queue: string, which: readonly string[]): Promise<FailedEntry[]> {
    const ids = [...new Set(which)];
    if (ids.length === 0) return [];
    const scores = await this.#redis.zmscore(this.#keys.bull(queue).failed, ...ids);
    return ids.map((id, index) => ({ id, score: scores[index] ?? '' }));
  }

  /** Reads a few: each may have a body of many MB. null: there is no such job (any more), or it is not meant. */
  async #readSome(
    queue: string,
    entries: readonly FailedEntry[],
    filter: DeadFilter,
  ): Promise<(DeadLetterDetail | null)[]> {
    const one = async (entry: FailedEntry) => {
      if (!entryMatches(filter, entry.id, Number(entry.score))) return null;
      const letter = await this.#read(queue, entry, false);
      return letter !== null && letterMatches(filter, letter) ? letter : null;
    };
    return await Promise.all(entries.map(one));
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
