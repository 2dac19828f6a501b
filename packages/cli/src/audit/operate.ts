import type { AuditEntry } from '@sluice/producer';
import { SluiceError, isObject } from '@sluice/shared';
import { type RawRedisOptions, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type Paint, paintFor } from '../text/colour.ts';
import { table } from '../text/table.ts';
import { timeOf } from '../text/when.ts';

const most = 10_000;

function limitOf(text: string): number {
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= most) return limit;
  throw new SluiceError(
    'SLUICE_INVALID_CONFIG',
    `--limit: "${text}" is not a whole number from 1 to ${most}`,
  );
}

const shown = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none'));

/** Where two values differ, as `rate.limit: 100 -> 50`. */
function differences(before: unknown, after: unknown, path: string): string[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) =>
      differences(before[name], after[name], path === '' ? name : `${path}.${name}`),
    );
  }
  const [was, is] = [shown(before), shown(after)];
  return was === is ? [] : [`${path}: ${was} -> ${is}`];
}

/** What an entry says of the change, in one line. Pure. */
export function changeText({ before, after }: AuditEntry): string {
  if (before !== null && after !== null) return differences(before, after, '').join('; ');
  const one = after ?? before;
  return one === null ? '' : shown(one);
}

function listText(entries: readonly AuditEntry[], paint: Paint): string {
  const rows = entries.map((entry) => [
    timeOf(entry.at),
    entry.actor,
    entry.action,
    [entry.queue, entry.subject].filter((part) => part !== null).join(' '),
    changeText(entry),
  ]);
  return table([['TIME', 'ACTOR', 'ACTION', 'WHAT', 'CHANGE'], ...rows], [], (cell, row) =>
    row === 0 ? paint('bold', cell) : cell,
  );
}

/** `sluice audit`. */
export async function auditList(
  raw: RawRedisOptions & { queue?: string; actor?: string; limit: string; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const limit = limitOf(raw.limit);
  const { queue, actor } = raw;
  await withSluice(
    raw,
    io,
    async (sluice) => {
      const entries: AuditEntry[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await sluice.audit.list({ queue, actor, limit: limit - entries.length, cursor });
        entries.push(...page.items);
        cursor = page.cursor;
      } while (cursor !== null && entries.length < limit);
      if (raw.json) io.stdout.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      else if (entries.length === 0) io.stdout.write('no entries\n');
      else io.screen.write(listText(entries, paintFor(io.stdout, io.env)));
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}
