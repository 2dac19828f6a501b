import { Job, type Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Keys, addedScript, batchTtlMs } from '@sluice/shared';
import type { BullJob } from './to-job.ts';

/** What is noted in the transaction that adds a job. */
export type Note = {
  /** The key of the record that the job was claimed with. */
  record?: string | undefined;
  /** The batch that has one job more. */
  batch?: string | undefined;
};

/** Makes the script known to a client, so that its transactions can have it. */
export function defineAdded(redis: Redis): void {
  redis.defineCommand(addedScript.name, { numberOfKeys: addedScript.keys, lua: addedScript.lua });
}

/**
 * Adds a job, and notes that it was added, both or neither: a process that dies leaves no record of a job that is not
 * there, and no batch that waits for one.
 * The queue's client must know the script (`defineAdded`).
 * @returns false when somebody else had added it before; then nothing was changed
 */
export async function addNoted(
  queue: Queue,
  keys: Keys,
  job: BullJob,
  { record, batch }: Note,
): Promise<boolean> {
  await queue.waitUntilReady();
  const client = await queue.backend.connection.client;
  const { data, name, opts } = job;
  const bull = new Job(queue, name, data, opts, opts.jobId);
  const transaction = client.multi();
  await queue.backend.addJobToTransaction(transaction, bull.asJSON(), bull.id!);
  const state = batch === undefined ? record! : keys.batchState(batch);
  transaction.runCommand(addedScript.name, [
    record ?? state,
    state,
    record === undefined ? 0 : 1,
    batch === undefined ? 0 : 1,
    batchTtlMs,
  ]);
  const results = await transaction.exec();
  if (results === null) throw new Error('the transaction was discarded');
  const failed = results.find(([error]) => error !== null);
  if (failed !== undefined) throw failed[0]!;
  const [added, noted] = results.map(([, result]) => result as unknown);
  if (typeof added === 'number' && added < 0) throw new Error(`BullMQ refused the job (${added})`);
  return noted === 1;
}
