import type { DeadFilter, DeadLetter, DeadSelection } from '@sluice/producer';
import { SluiceError, duration, errorCodes, validate } from '@sluice/shared';
import { deadListText, deadShowJson, deadShowText } from './text.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawRedisOptions, knownQueue, withSluice } from '../fleet-options.ts';

const invalid = 'SLUICE_INVALID_CONFIG';

/** `timeout`, `SLUICE_TIMEOUT` -> SLUICE_TIMEOUT. */
function codeOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const upper = text.toUpperCase().replaceAll('-', '_');
  const code = upper.startsWith('SLUICE_') ? upper : `SLUICE_${upper}`;
  if (code in errorCodes) return code;
  throw new SluiceError(invalid, `--code: "${text}" is not an error code; use one such as SLUICE_TIMEOUT`);
}

function limitOf(text: string): number {
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 100_000) return limit;
  throw new SluiceError(invalid, `--limit: "${text}" is not a whole number from 1 to 100000`);
}

/** The options that say which failed jobs, as typed. */
type RawFilter = { code?: string; host?: string; idPrefix?: string; newerThan?: string };

const ageSchema = duration({ min: 0, max: 366 * 86_400_000 });

function filterOf(raw: RawFilter): DeadFilter {
  const { host, idPrefix: id, newerThan } = raw;
  const ageMs = newerThan === undefined ? null : validate(ageSchema, newerThan, invalid, '--newer-than');
  return {
    code: codeOf(raw.code),
    ...(host !== undefined && { host }),
    ...(id !== undefined && { id }),
    ...(ageMs !== null && { since: Date.now() - ageMs }),
  };
}

const hasFilter = (filter: DeadFilter) => Object.values(filter).some((value) => value !== undefined);

/** Tells how far a long run is. */
const progressOn = (io: ProcessIo, done: string) => (examined: number, count: number) => {
  if (examined >= 1000) io.stderr.write(`sluice: looked at ${examined} failed jobs, ${count} ${done}\n`);
};

const counted = (count: number) => `${count} failed ${count === 1 ? 'job' : 'jobs'}`;

/** `sluice dead list QUEUE`: the newest first. */
export async function deadList(
  queue: string,
  raw: RawRedisOptions & RawFilter & { limit: string; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const [filter, limit] = [filterOf(raw), limitOf(raw.limit)];
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, queue);
    const letters: DeadLetter[] = [];
    let cursor: string | null | undefined;
    // A call looks at 1,000 failed jobs at most.
    do {
      const most = Math.min(1000, limit - letters.length);
      const page = await sluice.dead.list(queue, { ...filter, limit: most, cursor: cursor ?? undefined });
      letters.push(...page.letters);
      ({ cursor } = page);
    } while (cursor !== null && letters.length < limit && !io.interrupt.aborted);
    if (raw.json) {
      io.stdout.write(letters.map((letter) => `${JSON.stringify(letter)}\n`).join(''));
      return;
    }
    io.stdout.write(letters.length === 0 ? `${queue}: no failed jobs\n` : deadListText(letters, Date.now()));
    if (cursor !== null) io.stdout.write(`there are more; see --limit\n`);
  });
  return exitCodes.allCompleted;
}

/** `sluice dead show QUEUE ID`. */
export async function deadShow(
  queue: string,
  id: string,
  raw: RawRedisOptions & { json?: boolean; reveal?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, queue);
    const letter = await sluice.dead.get(queue, id);
    if (letter === null) {
      const status = await sluice.job(id, { queue }).status();
      const message = `queue "${queue}" has no failed job "${id}"${status === 'unknown' ? '' : `; it is ${status}`}`;
      throw new SluiceError('SLUICE_RESULT_EXPIRED', message);
    }
    io.stdout.write(
      raw.json ? `${JSON.stringify(deadShowJson(letter))}\n` : deadShowText(letter, Date.now(), raw.reveal),
    );
  });
  return exitCodes.allCompleted;
}

/** `sluice dead redrive QUEUE ID…`, or `--all`. @returns 2 when a named id is not a failed job */
export async function deadRedrive(
  queue: string,
  ids: string[],
  raw: RawRedisOptions & RawFilter & { all?: boolean; ambiguous?: boolean },
  io: ProcessIo,
): Promise<number> {
  const filter = filterOf(raw);
  if (ids.length > 0 && (raw.all || hasFilter(filter))) {
    throw new SluiceError(invalid, 'give ids, or --all (with --code for those of one code)');
  }
  if (ids.length === 0 && !raw.all) {
    throw new SluiceError(invalid, 'which ones? Give ids, or --all (with --code for those of one code)');
  }
  const which: DeadSelection = ids.length > 0 ? ids : { all: true, ...filter };
  return await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, queue);
    const { redriven, skipped, ambiguous } = await sluice.dead.redrive(queue, which, {
      ambiguous: raw.ambiguous === true,
      signal: io.interrupt,
      progress: progressOn(io, 'sent back'),
    });
    io.stdout.write(`${queue}: ${counted(redriven)} sent back to the queue\n`);
    const leftAlone = (some: string[], why: string) => {
      if (some.length === 0) return;
      const names = some.slice(0, 20).join(', ') + (some.length > 20 ? ', …' : '');
      io.stderr.write(`sluice: ${some.length} left alone, ${why}: ${names}\n`);
    };
    // With --all, somebody else may have redriven some at the same time: they are where they should be.
    leftAlone(skipped, 'not failed (any more), or no worker could read it');
    leftAlone(ambiguous, 'may have been performed; --ambiguous sends them again');
    if (skipped.length + ambiguous.length === 0) return exitCodes.allCompleted;
    return ids.length > 0 ? exitCodes.someFailed : exitCodes.allCompleted;
  });
}

/** `sluice dead purge QUEUE --yes`: removes them for good. */
export async function deadPurge(
  queue: string,
  ids: string[],
  raw: RawRedisOptions & RawFilter & { olderThan?: string; yes?: boolean },
  io: ProcessIo,
): Promise<number> {
  const filter = filterOf(raw);
  if (ids.length > 0 && hasFilter(filter)) throw new SluiceError(invalid, 'give ids, or --code');
  const olderThanMs =
    raw.olderThan === undefined ? 0 : validate(ageSchema, raw.olderThan, invalid, '--older-than');
  return await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, queue);
    if (!raw.yes) {
      const { counts } = await sluice.queues.show(queue);
      const which =
        ids.length > 0
          ? counted(ids.length)
          : `${counted(counts.failed)} of queue "${queue}"${raw.olderThan || hasFilter(filter) ? ' (those that match)' : ''}`;
      throw new SluiceError(invalid, `this removes ${which}, for good; add --yes to do it`);
    }
    const removed = await sluice.dead.purge(queue, {
      olderThanMs,
      ...(ids.length > 0 && { ids }),
      ...filter,
      signal: io.interrupt,
      progress: progressOn(io, 'removed'),
    });
    io.stdout.write(`${queue}: ${counted(removed)} removed\n`);
    return exitCodes.allCompleted;
  });
}
