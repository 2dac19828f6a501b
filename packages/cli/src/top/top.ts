import { setTimeout as sleep } from 'node:timers/promises';
import type { Overview } from '@sluice/producer';
import { SluiceError } from '@sluice/shared';
import { type RawRedisOptions, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { paintFor } from '../text/colour.ts';
import { type Notice, frameLines } from './frame.ts';
import { Meter, type Readings } from './meter.ts';
import { type Key, openScreen } from './screen.ts';

/** From one look at Redis to the next, ms. */
const everyMs = 1000;

/** The width of a frame that goes to a pipe. */
const pipeColumns = 160;

/** Two looks, so that the counters have grown by something. */
async function once(overview: Overview, signal: AbortSignal): Promise<Readings> {
  const meter = new Meter();
  meter.read(await overview.look());
  await sleep(everyMs, undefined, { signal });
  return meter.read(await overview.look());
}

async function live(overview: Overview, io: ProcessIo): Promise<number> {
  const meter = new Meter();
  // Before the terminal is taken over: what is wrong from the start is said on the screen that stays.
  let readings = meter.read(await overview.look());
  let notice: Notice = null;
  let offset = 0;
  const ended = new AbortController();
  const paint = paintFor(io.stdout, io.env);
  const size = () => ({ columns: io.stdout.columns || 80, lines: io.stdout.rows || 24 });
  const page = () => Math.max(1, size().lines - 12);
  const moves: Record<Exclude<Key, 'end'>, () => number> = {
    up: () => offset - 1,
    down: () => offset + 1,
    'page-up': () => offset - page(),
    'page-down': () => offset + page(),
    top: () => 0,
  };
  const onKey = (key: Key) => {
    if (key === 'end') return ended.abort();
    offset = Math.max(0, Math.min(moves[key](), readings.rows.length - 1));
    draw();
  };
  using screen = openScreen(io.stdin, io.screen, onKey, () => draw());
  const draw = () => screen.draw(frameLines(readings, notice, { ...size(), offset, paint }));

  const stop = AbortSignal.any([ended.signal, io.interrupt]);
  draw();
  while (!stop.aborted) {
    await sleep(everyMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) break;
    try {
      readings = meter.read(await overview.look());
      notice = null;
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'SLUICE_REDIS_UNREACHABLE') throw error;
      // It may come back; until then the last figures stay.
      notice = error.message;
    }
    draw();
  }
  return io.interrupt.aborted ? (io.interrupt.reason as number) : exitCodes.allCompleted;
}

/** `sluice top`. */
export async function topCommand(
  raw: RawRedisOptions & { once?: boolean; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const isLive = io.stdout.isTTY && !raw.once && !raw.json;
  // A live view gives the terminal back before it ends.
  const own = isLive ? { ...io, interrupt: new AbortController().signal } : io;
  return await withSluice(
    raw,
    own,
    async (sluice) => {
      const overview = sluice.queues.overview();
      if (isLive) return await live(overview, io);
      const readings = await once(overview, io.interrupt);
      if (raw.json) io.stdout.write(`${JSON.stringify(readings)}\n`);
      else {
        const columns = io.stdout.columns || pipeColumns;
        const paint = paintFor(io.stdout, io.env);
        const lines = frameLines(readings, null, { columns, lines: null, offset: 0, paint });
        io.screen.write(lines.map((line) => `${line}\n`).join(''));
      }
      return exitCodes.allCompleted;
    },
    oneStep,
  );
}
