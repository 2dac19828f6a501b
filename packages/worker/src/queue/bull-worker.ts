import { type BackendFactory, type Job, type RedisQueueBackend, Worker, createRedisBackend } from 'bullmq';
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
  /** What the hash of a job keeps of the attempt that just ended, while others follow or as a dead letter. */
  fieldsOf: (id: string, token: string) => Record<string, string>;
  /** BullMQ or its connection failed. */
  failed: (error: Error) => void;
};

/** The part of BullMQ's worker that other files use. */
export type BullWorker = Pick<Worker, 'concurrency' | 'resume' | 'pause' | 'close'>;

/**
 * Starts BullMQ's worker of one queue: the only place that does. It takes jobs at once.
 * @param config `name`: which worker has a job, for whoever asks
 * @param createBackend how it speaks to Redis
 */
export function startBullWorker(
  queue: string,
  redis: Redis,
  config: PoolConfig & { name: string },
  handlers: BullHandlers,
  createBackend: BackendFactory<RedisQueueBackend> = createRedisBackend,
): BullWorker {
  const options = {
    connection: redis,
    prefix: config.prefix,
    name: config.name,
    // No skipVersionCheck: without the server's version, BullMQ blocks for whole seconds, and retries come up to 1 s
    // late.
    lockDuration: config.lockMs,
    // One worker checks the queues of the whole fleet (maintenance/stalled-jobs.ts).
    skipStalledCheck: true,
    drainDelay: blockingSeconds,
    maximumRateLimitDelay: maximumRateLimitDelayMs,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy },
  };
  const worker = new Worker(queue, (bull: Job) => handlers.perform(bull), options, createBackend);
  worker.on('error', handlers.failed);
  worker.on('completed', (bull) => handlers.ended(bull, null));
  worker.on('failed', (bull, error) => {
    if (bull !== undefined) handlers.ended(bull, error);
  });
  worker.on('lockRenewalFailed', handlers.locksLost);
  keepFields(worker, handlers);
  return worker;
}

/** What is to be kept in a job's hash goes there with the call that counts the attempt: BullMQ writes fields of its own. */
function keepFields({ backend }: Worker, { fieldsOf }: BullHandlers): void {
  const moveToDelayed = backend.moveToDelayed.bind(backend);
  const retryJob = backend.retryJob.bind(backend);
  const moveToFailed = backend.moveToFailed.bind(backend);
  const withFields = <Options extends { fieldsToUpdate?: Record<string, unknown> }>(
    id: string,
    token: string,
    options?: Options,
  ) => {
    const fields = fieldsOf(id, token);
    if (Object.keys(fields).length === 0) return options;
    return { ...options, fieldsToUpdate: { ...options?.fieldsToUpdate, ...fields } } as Options;
  };
  backend.moveToDelayed = async (id, timestamp, delay, token, options) =>
    await moveToDelayed(id, timestamp, delay, token, withFields(id, token ?? '', options));
  backend.retryJob = async (id, lifo, token, options) =>
    await retryJob(id, lifo, token, withFields(id, token ?? '', options));
  backend.moveToFailed = async (job, reason, keep, token, fetchNext, fields) =>
    await moveToFailed(job, reason, keep, token, fetchNext, {
      ...fields,
      ...fieldsOf(job.id!, token),
    });
}
