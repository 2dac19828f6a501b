import type { Schedule, Sluice, When } from '@sluice/producer';
import { SluiceError, formatDuration } from '@sluice/shared';
import { type RawRedisOptions, knownQueue, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawRequestOptions, readRequest } from '../request/options.ts';
import { type Paint, paintFor } from '../text/colour.ts';
import { requestText } from '../text/request.ts';
import { table } from '../text/table.ts';
import { whenText } from '../text/when.ts';

const rhythm = ({ every, cron, tz }: Schedule) =>
  every === null ? `${cron} ${tz ?? ''}`.trim() : `every ${formatDuration(every)}`;

function listText(schedules: readonly Schedule[], now: number, paint: Paint): string {
  const rows = schedules.map((one) => [
    one.name,
    rhythm(one),
    whenText(one.next.at, now),
    requestText(one.request, false),
  ]);
  return table([['NAME', 'WHEN', 'NEXT', 'REQUEST'], ...rows], [], (cell, row) =>
    row === 0 ? paint('bold', cell) : cell,
  );
}

/** `sluice schedule list QUEUE`. */
export async function scheduleList(
  queue: string,
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      const list = await sluice.schedules.list({ queue });
      if (raw.json) io.stdout.write(`${JSON.stringify(list)}\n`);
      else if (list.length === 0) io.stdout.write(`${queue}: no schedules\n`);
      else io.screen.write(listText(list, Date.now(), paintFor(io.stdout, io.env)));
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

type RawSetOptions = RawRedisOptions &
  RawRequestOptions & { every?: string; cron?: string; tz?: string; json?: boolean };

function whenOf({ every, cron, tz }: RawSetOptions): When {
  if (every !== undefined) return { every };
  if (cron !== undefined) return { cron, ...(tz !== undefined && { tz }) };
  throw new SluiceError('SLUICE_INVALID_CONFIG', 'when? Give --every 15m, or --cron "0 8 * * 1-5"');
}

async function found(sluice: Sluice, queue: string, name: string): Promise<Schedule | undefined> {
  return (await sluice.schedules.list({ queue })).find((one) => one.name === name);
}

/** `sluice schedule set QUEUE NAME URL`. */
export async function scheduleSet(
  queue: string,
  name: string,
  url: string,
  raw: RawSetOptions,
  io: ProcessIo,
): Promise<number> {
  const when = whenOf(raw);
  const request = await readRequest(raw, io);
  await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      await sluice.schedules.upsert(name, when, { ...request, url }, { queue });
      const now = await found(sluice, queue, name);
      if (raw.json) io.stdout.write(`${JSON.stringify(now ?? null)}\n`);
      else {
        const next = now === undefined ? '' : `; next ${whenText(now.next.at, Date.now())}`;
        io.stdout.write(`${name}: ${now === undefined ? 'set' : rhythm(now)}${next}\n`);
      }
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

/** `sluice schedule remove QUEUE NAME`. @throws SluiceError SLUICE_INVALID_CONFIG when there is none of this name */
export async function scheduleRemove(
  queue: string,
  name: string,
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      if (!(await sluice.schedules.remove(name, { queue }))) {
        throw new SluiceError('SLUICE_INVALID_CONFIG', `queue "${queue}" has no schedule "${name}"`);
      }
      io.stdout.write(
        raw.json ? `${JSON.stringify({ queue, name, removed: true })}\n` : `${name}: removed\n`,
      );
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}
