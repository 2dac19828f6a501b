import type { LivePolicy } from '../job/live-policy.ts';

/**
 * How many jobs of each queue this process may have taken at once. Unless a policy says otherwise the caps sum to
 * the process' concurrency, so that taken jobs do not wait for a slot with their gate tokens spent.
 */
export function queueCaps(queues: readonly LivePolicy[], processConcurrency: number): Map<string, number> {
  const share = Math.max(1, Math.floor(processConcurrency / Math.max(1, queues.length)));
  return new Map(
    queues.map((queue) => [
      queue.name,
      Math.min(processConcurrency, queue.policy.concurrency.worker ?? share),
    ]),
  );
}
