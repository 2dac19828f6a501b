import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { PoolConfig } from '../settings.ts';
import { backoffStrategy } from '../pipeline/settle.ts';

/** A sleeping worker notices a changed limit or a due retry within this. */
const maximumRateLimitDelayMs = 1000;

/**
 * How long one blocking read for a job may take, s; BullMQ's own default is half. A job wakes it at once. When it ends,
 * the worker looks at the queue, and reads again: that is all that an idle queue costs. A connection that died silently
 * is noticed within this and a second, which must be less than its `socketTimeout`.
 */
const blockingSeconds = 10;

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
  /** Locks could not be renewed. */
  locksLost: () => void;
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
    // One worker checks the queues of the whole fleet (maintenance/stalled-jobs.ts).
    skipStalledCheck: true,
    drainDelay: blockingSeconds,
    maximumRateLimitDelay: maximumRateLimitDelayMs,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy },
  });
  worker.on('error', handlers.failed);
  worker.on('completed', (bull) => handlers.ended(bull, null));
  worker.on('failed', (bull, error) => {
    if (bull !== undefined) handlers.ended(bull, error);
  });
  worker.on('lockRenewalFailed', handlers.locksLost);
  return worker;
}
