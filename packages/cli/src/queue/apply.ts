import { readFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import type { PolicyUpdate, Sluice } from '@sluice/producer';
import { SluiceError, storedPolicy } from '@sluice/shared';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { parsePolicyFile } from './policy-file.ts';
import { reason } from '../reason.ts';
import { typedPath } from '../typed-path.ts';
import { updateText } from './policy-text.ts';
import { type RawRedisOptions, withSluice } from '../fleet-options.ts';

/**
 * `sluice queue apply FILE`: checks the whole file, sets the policies of the fleet, and says what changed.
 * @throws SluiceError SLUICE_INVALID_POLICY with every fault of the file, before anything is written
 */
export async function queueApply(
  typed: string,
  raw: RawRedisOptions & { dryRun?: boolean },
  io: ProcessIo,
): Promise<number> {
  const file = typedPath(typed, io.env);
  const policies = parsePolicyFile(await readPolicyFile(file, io), file === '-' ? 'standard input' : file);
  await withSluice(raw, io, async (sluice) => {
    const count = { created: 0, changed: 0, same: 0 };
    for (const [name, policy] of policies) {
      const update = raw.dryRun
        ? await foreseen(sluice, name, policy)
        : await sluice.policies.update(name, () => policy);
      count[update.change] += 1;
      io.stdout.write(updateText(name, update));
    }
    const list = `${count.created} created, ${count.changed} changed, ${count.same} same`;
    io.stdout.write(raw.dryRun ? `${list} (dry run: nothing was written)\n` : `${list}\n`);
    const others = (await sluice.queues.list()).filter((name) => !policies.has(name));
    if (others.length > 0) io.stdout.write(`not in the file, left as they are: ${others.join(', ')}\n`);
  });
  return exitCodes.allCompleted;
}

async function readPolicyFile(file: string, io: ProcessIo): Promise<string> {
  if (file === '-') return await readText(io.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SluiceError('SLUICE_INVALID_POLICY', `cannot read ${file}: ${reason(error)}`);
  }
}

/** What an update would do. */
async function foreseen(sluice: Sluice, name: string, after: PolicyUpdate['after']): Promise<PolicyUpdate> {
  const before = await sluice.policies.read(name);
  if (before === null) return { change: 'created', before, after };
  return { change: storedPolicy(before) === storedPolicy(after) ? 'same' : 'changed', before, after };
}
