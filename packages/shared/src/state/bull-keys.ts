/** The keys that BullMQ keeps beside the jobs of a queue: a job of such an id would overwrite one. */
const ofQueue = new Set([
  '',
  'active',
  'completed',
  'de',
  'delay',
  'delayed',
  'events',
  'failed',
  'id',
  'limiter',
  'marker',
  'meta',
  'paused',
  'pc',
  'prioritized',
  'repeat',
  'stalled',
  'stalled-check',
  'wait',
  'waiting-children',
]);

/** Those that begin so: deduplication, metrics, and a scheduler (its jobs have the time after its name). */
const ofQueueWithName = /^(de:|metrics:|repeat:[^:]*$)/;

/** Those of a job beside its hash. */
const ofJob = /:(lock|logs|dependencies|processed|failed|unsuccessful)$/;

/**
 * Whether an id is the name of a key that BullMQ keeps itself: in the place of such a job lies something of the queue's
 * own, or of another job's. Pure.
 */
export function isBullKey(id: string): boolean {
  return ofQueue.has(id) || ofQueueWithName.test(id) || ofJob.test(id);
}
