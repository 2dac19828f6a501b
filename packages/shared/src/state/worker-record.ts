import { z } from 'zod';

/** How long a worker counts as alive after it last announced itself, ms. */
export const workerTtlMs = 15_000;

/** How often a worker announces itself, ms: two announcements may be lost or late. */
export const workerBeatMs = 5000;

/** What a worker says of itself. A newer one may say more; what is unknown is ignored. */
const workerRecordSchema = z.object({
  /** Its own for one start: a worker that is started again has another. No host name, no address. */
  id: z.string(),
  /** Of its process on its machine; in a container often 1. */
  pid: z.int(),
  /** Of the package `@sluice/worker`; `unknown` where it was bundled into something else. */
  version: z.string(),
  /** The queues it was told to serve; `*`: all that have a policy. */
  queues: z.union([z.literal('*'), z.array(z.string())]),
  /** Names of what it can do that older workers cannot. */
  honours: z.array(z.string()).default([]),
  /** When it began to serve, epoch ms of Redis' clock. */
  since: z.number(),
});

/** A worker that is alive, as it announces itself every 5 s. */
export type WorkerRecord = z.output<typeof workerRecordSchema>;

export function encodeWorkerRecord(record: WorkerRecord): string {
  return JSON.stringify(record);
}

/** Null for what this version cannot read. */
export function decodeWorkerRecord(text: string): WorkerRecord | null {
  try {
    return workerRecordSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Whether the worker takes jobs of a queue that has a policy. Pure. */
export function serves({ queues }: Pick<WorkerRecord, 'queues'>, queue: string): boolean {
  return queues === '*' || queues.includes(queue);
}
