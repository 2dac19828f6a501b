import type { JobsOptions } from 'bullmq';
import { type Envelope, type NormalSpec, duration, envelopeVersion } from '@sluice/shared';

/** Enough for any policy: if the caller gives no `attempts`, the worker counts the policy's. */
const anyAttempts = 1000;

/** How long an outcome can be read by its id if nobody says, ms. */
export const defaultKeepMs = 3_600_000;

/** How long something is kept. With other times the Redis command fails, and a job could not be ended. */
export const keepSchema = duration({ min: 1, max: 366 * 86_400_000 });

/** What a caller may say about the job besides its request. */
export type Delivery = {
  id: string;
  replyTo?: string;
  keepMs?: number;
  batch?: { name: string; index: number };
  now: number;
};

export type BullJob = { name: string; data: Envelope; opts: JobsOptions };

/**
 * A validated spec as a BullMQ job: the only place that knows job options. The workers say what happens to finished
 * jobs (`removeOnComplete`, `removeOnFail`), so each waiting job is smaller.
 */
export function toJob(spec: NormalSpec, delivery: Delivery): BullJob {
  const data: Envelope = { v: envelopeVersion, req: spec.request, at: delivery.now };
  if (spec.attempts !== undefined) data.attempts = spec.attempts;
  if (spec.retry !== undefined) data.retry = spec.retry;
  if (spec.timeoutMs !== undefined) data.timeoutMs = spec.timeoutMs;
  if (spec.deadline !== undefined) data.deadline = spec.deadline;
  if (spec.meta !== undefined) data.meta = spec.meta;
  if (spec.delivery !== undefined) data.delivery = spec.delivery;
  if (spec.transform !== undefined) data.transform = spec.transform;
  if (delivery.replyTo !== undefined) data.replyTo = delivery.replyTo;
  if (delivery.keepMs !== undefined) data.keepMs = delivery.keepMs;
  if (delivery.batch !== undefined) data.batch = delivery.batch;
  const opts: JobsOptions = {
    jobId: delivery.id,
    attempts: spec.attempts ?? anyAttempts,
    // The worker's strategy reads the delay from the error that the attempt ended with.
    backoff: { type: 'sluice' },
    stackTraceLimit: 0,
  };
  const delay = spec.runAt === undefined ? (spec.delayMs ?? 0) : spec.runAt - delivery.now;
  if (delay > 0) opts.delay = delay;
  if (spec.priority !== undefined) opts.priority = spec.priority;
  return { name: 'fetch', data, opts };
}
