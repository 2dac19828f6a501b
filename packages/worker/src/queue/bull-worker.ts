import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { PoolConfig } from '../settings.ts';
import { backoffStrategy } from '../pipeline/settle.ts';

/** A sleeping worker notices a changed limit or a due retry within this. */
const maximumRateLimitDelayMs = 1000;

/** What a queue does when BullMQ calls. */
export type BullHandlers = {
  /**
   * A job was taken.
   * @returns its return value, a few bytes
   * @throws BullMQ's control errors; anything else ends the attempt
   */
  perform: (bull: Job) => Promise<string>;
  /** A run ended, and BullMQ has counted it. @param error why it failed; null: it did not */
  ended: (bull: Job, error: Error | null) => void;
  /** A job has lost its worker, and waits again. */
  stalled: (id: string) => void;
  /** Locks could not be renewed. */
  locksLost: () => void;
  /** May jobs without a lock be counted as stalled now? */
  mayJudgeStalled: () => Promise<boolean>;
  /** BullMQ or its connection failed. */
  failed: (error: Error) => void;
};

/** The part of BullMQ's worker that other files use. */
export type BullWorker = Pick<Worker, 'concurrency' | 'resume' | 'pause' | 'close'>;

/** Starts BullMQ's worker of one queue: the only place that does. It takes jobs at once. */
export function startBullWorker(
  queue: string,
  redis: Redis,
  config: PoolConfig,
  handlers: BullHandlers,
): BullWorker {
  const worker = new Worker(queue, (bull: Job) => handlers.perform(bull), {
    connection: redis,
    prefix: config.prefix,
    // No skipVersionCheck: without the server's version, BullMQ blocks for whole seconds, and retries come up to 1 s
    // late.
    lockDuration: config.lockMs,
    stalledInterval: config.stalledIntervalMs,
    // A killed worker never fails a job; BullMQ would fail it without an outcome.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    maximumRateLimitDelay: maximumRateLimitDelayMs,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy },
  });
  worker.on('error', handlers.failed);
  worker.on('completed', (bull) => handlers.ended(bull, null));
  worker.on('failed', (bull, error) => {
    if (bull !== undefined) handlers.ended(bull, error);
  });
  worker.on('stalled', handlers.stalled);
  worker.on('lockRenewalFailed', handlers.locksLost);
  // BullMQ has no option for this: after an outage of Redis all locks have expired, but no job has stalled.
  const { backend } = worker;
  const moveStalled = backend.moveStalledJobsToWait.bind(backend);
  backend.moveStalledJobsToWait = async () => ((await handlers.mayJudgeStalled()) ? await moveStalled() : []);
  return worker;
}
