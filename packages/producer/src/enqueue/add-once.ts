import { setTimeout as sleep } from 'node:timers/promises';
import { Job, type Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Keys, SluiceError, addedScript, batchTtlMs } from '@sluice/shared';
import { isUnavailableForNow } from '@sluice/redis';
import { slimTransaction } from './slim-transaction.ts';
import type { BullJob } from './to-job.ts';

/** What the transaction that adds a job also writes. */
export type Note = {
  /** The key of the record that the job was claimed with. */
  record?: string | undefined;
  /** The batch that gets one more job. */
  batch?: string | undefined;
  /** How long the batch is kept, ms. Default 7 days. */
  batchKeepMs?: number | undefined;
};

/** Defines the script on a client, so that its transactions can call it. */
export function defineAdded(redis: Redis): void {
  redis.defineCommand(addedCommand, { lua: addedScript.lua });
}

const addedCommand = 'sluiceAdded';

const againMs = 100;

/** Where and how a job is added. */
export type AddPlace = {
  queue: Queue;
  name: string;
  keys: Keys;
  /**
   * Retry while Redis is away: ioredis does not, once it has received a part of the answer, nor when it is a script that
   * says so of one job.
   */
  insist: () => boolean;
};

/**
 * Adds a job and writes the note, both or neither: a process that dies leaves no record of a job that is not there, and
 * no batch that waits for one. Adding it again changes nothing.
 * The queue's client must know the script (`defineAdded`).
 * @returns false when it had been added before; then nothing was changed
 */
export async function addOnce(add: AddPlace, job: BullJob, note: Note): Promise<boolean> {
  return await insistently(add, async () => await tryToAdd(add, job, note));
}

/** Does what may be done again, until Redis is there; as long as the place insists. */
export async function insistently<T>(
  { insist }: Pick<AddPlace, 'insist'>,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isPassing =
        isUnavailableForNow(error) ||
        (error instanceof SluiceError && error.code === 'SLUICE_REDIS_UNREACHABLE');
      if (!isPassing || !insist()) throw error;
      await sleep(againMs);
    }
  }
}

async function tryToAdd(
  { queue, name, keys }: AddPlace,
  { data, name: jobName, opts }: BullJob,
  { record, batch, batchKeepMs = batchTtlMs }: Note,
): Promise<boolean> {
  await queue.waitUntilReady();
  const client = await queue.backend.connection.client;
  const id = opts.jobId!;
  const bull = new Job(queue, jobName, data, opts, id);
  const transaction = slimTransaction(client);
  await queue.backend.addJobToTransaction(transaction, bull.asJSON(), id);
  const own = addedScript.keys(keys, name, id, record, batch);
  const args = {
    hasRecord: record === undefined ? 0 : 1,
    hasBatch: batch === undefined ? 0 : 1,
    batchTtlMs: batchKeepMs,
  };
  const values = addedScript.args.map((argument) => args[argument]);
  transaction.runCommand(addedCommand, [own.length, ...own, ...values]);
  const results = await transaction.exec().catch((error: unknown) => {
    // One part failed, so Redis ran none: the part's error says why.
    throw (error as { previousErrors?: unknown[] }).previousErrors?.[0] ?? error;
  });
  if (results === null) throw new Error('the transaction was discarded');
  const failed = results.find(([error]) => error !== null);
  if (failed !== undefined) throw failed[0]!;
  const [added, noted] = results.map(([, result]) => result as unknown);
  if (typeof added === 'number' && added < 0) throw new Error(`BullMQ did not add the job (${added})`);
  return noted === 1;
}
