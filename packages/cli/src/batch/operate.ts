import type { BatchItem, BatchProgress } from '@sluice/producer';
import { SluiceError } from '@sluice/shared';
import { type RawRedisOptions, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { resultLine } from '../run/output/result-line.ts';
import { stdoutSink } from '../run/output/sink.ts';
import { type Paint, paintFor } from '../text/colour.ts';
import { printableInLine } from '../text/printable.ts';
import { table } from '../text/table.ts';

const isComplete = ({ sealed, ended, total }: BatchProgress) => sealed && ended >= total;

function progressText(name: string, progress: BatchProgress, paint: Paint): string {
  const { total, ended, failed, sealed } = progress;
  const share = total === 0 ? '' : ` (${Math.floor((100 * ended) / total)} %)`;
  const state = isComplete(progress)
    ? 'complete'
    : sealed
      ? 'sealed; jobs have not ended yet'
      : 'open: more jobs may be added';
  const rows = [
    ['batch', name],
    ['state', state],
    ['jobs', String(total)],
    ['ended', `${ended}${share}`],
    ['failed', String(failed)],
  ];
  return table(rows, [], (cell, row, column) => {
    if (column === 0) return paint('bold', cell);
    return rows[row]![0] === 'failed' && failed > 0 ? paint('red', cell) : cell;
  });
}

/** `sluice batch show NAME`. @throws SluiceError SLUICE_RESULT_EXPIRED when there is no such batch */
export async function batchShow(
  name: string,
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(
    raw,
    io,
    async (sluice) => {
      const progress = await sluice.batch(name).progress();
      if (progress.total === 0 && !progress.sealed) {
        throw new SluiceError(
          'SLUICE_RESULT_EXPIRED',
          `there is no batch "${name}", or it is no longer kept`,
        );
      }
      const complete = isComplete(progress);
      if (raw.json) io.stdout.write(`${JSON.stringify({ name, ...progress, complete })}\n`);
      else io.screen.write(progressText(name, progress, paintFor(io.stdout, io.env)));
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

function itemText({ index, id, outcome, body }: BatchItem, paint: Paint): string {
  const { kind, attempts, error, response, stored } = outcome;
  const end =
    kind === 'response'
      ? paint('green', String(response?.status ?? ''))
      : paint('red', `${kind}: ${printableInLine(error?.message ?? '')}`);
  const size = stored?.bytes ?? body.byteLength;
  return `${index}  ${printableInLine(id)}  ${end}  ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}, ${size} bytes\n`;
}

function itemJson(item: BatchItem, bodies: boolean): string {
  const { url: _, ...line } = resultLine({ ...item, spec: '' }, bodies);
  return `${JSON.stringify({ cursor: item.cursor, ...line })}\n`;
}

/** `sluice batch results NAME`. @returns 2 when a job of those that were read failed */
export async function batchResults(
  name: string,
  raw: RawRedisOptions & { follow?: boolean; cursor?: string; bodies?: boolean; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  if (raw.bodies && !raw.json) throw new SluiceError('SLUICE_INVALID_CONFIG', '--bodies: needs --json');
  const paint = paintFor(io.stdout, io.env);
  return await withSluice(raw, io, async (sluice) => {
    const batch = sluice.batch(name);
    const { total, sealed } = await batch.progress();
    if (total === 0 && !sealed && !raw.follow) {
      throw new SluiceError('SLUICE_RESULT_EXPIRED', `there is no batch "${name}", or it is no longer kept`);
    }
    // No faster than they are read: each may have a body of many MB.
    const sink = stdoutSink(raw.json ? io.stdout : io.screen);
    let failed = 0;
    const options = {
      follow: raw.follow === true,
      signal: io.interrupt,
      ...(raw.cursor !== undefined && { cursor: raw.cursor }),
    };
    for await (const item of batch.results(options)) {
      if (item.outcome.kind !== 'response') failed += 1;
      await sink.write(raw.json ? itemJson(item, raw.bodies === true) : itemText(item, paint));
    }
    return failed > 0 ? exitCodes.someFailed : exitCodes.allCompleted;
  });
}
