import { stringify } from 'yaml';
import { type Policy, SluiceError, formatDuration, isObject } from '@sluice/shared';
import { type RawRedisOptions, knownQueue, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { sizeText } from '../text/units.ts';
import { durations, sizes } from './policy-text.ts';

/** A policy as people write it: times and sizes with their units. What it does not have is left out. */
function written(value: unknown, path: string): unknown {
  if (isObject(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(
      fields.map(([name, field]) => [name, written(field, path === '' ? name : `${path}.${name}`)]),
    );
  }
  if (typeof value !== 'number') return value;
  if (durations.has(path)) return formatDuration(value);
  // A size that no unit divides stays a number.
  return sizes.has(path) && !/^\d+$/.test(sizeText(value)) ? sizeText(value) : value;
}

/** A rate's window in the unit that it was given in: `60s`, `min`. */
function withWindow({ rate, ...others }: Policy): object {
  if (rate === null) return { rate, ...others };
  const { text, limit, per, ...rest } = rate;
  const window = text?.replace(/^\d+\s*(\/|per\b)\s*/i, '') ?? formatDuration(per);
  return { rate: { limit, per: window, ...rest }, ...others };
}

/** Policies as a file that `sluice queue apply` takes back unchanged: every field, so that no default matters. Pure. */
export function exportText(policies: ReadonlyMap<string, Policy>): string {
  const queues = Object.fromEntries(
    [...policies].map(([name, policy]) => [name, written(withWindow(policy), '')]),
  );
  return stringify({ queues }, { lineWidth: 110, aliasDuplicateObjects: false });
}

/** `sluice queue export [NAME…]`. @throws SluiceError SLUICE_INVALID_POLICY for one that this version cannot read */
export async function queueExport(
  names: readonly string[],
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(
    raw,
    io,
    async (sluice) => {
      for (const name of names) await knownQueue(sluice, name);
      const chosen = names.length > 0 ? names : await sluice.queues.list();
      if (chosen.length === 0) {
        throw new SluiceError('SLUICE_POLICY_MISSING', 'there are no queues to export here');
      }
      const read = await Promise.all(
        chosen.map(async (name) => [name, await sluice.policies.read(name)] as const),
      );
      // One that was removed meanwhile has none.
      const policies = new Map(read.flatMap(([name, policy]) => (policy === null ? [] : [[name, policy]])));
      const text = raw.json
        ? `${JSON.stringify({ queues: Object.fromEntries(policies) })}\n`
        : exportText(policies);
      io.stdout.write(text);
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}
