import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Keys, type Policy, pacingOf } from '@sluice/shared';

/** What a queue is doing now. Times in ms. */
export type QueueState = {
  name: string;
  policy: Policy;
  paused: boolean;
  /** BullMQ's global limit that follows from the policy's rate. */
  gate: { max: number; duration: number };
  /** ms between permits; null: not paced. */
  paceMs: number | null;
  /** The rate in force while the upstream rejects more than the policy foresees, requests per second; null: the policy's. */
  slowedTo: { perSecond: number; ceilingPerSecond: number } | null;
  /** Origins to which nothing is sent now. */
  holds: { origin: string; forMs: number }[];
  /** ms until the gate opens; 0: it is open. */
  gateOpensInMs: number;
  counts: { waiting: number; active: number; delayed: number; failed: number };
  /** Since the queue was created. */
  sent: number;
  rejected: number;
};

/** Requests sent, and rejected by the upstream (429, or 503 with a stated wait), since the queue was created. */
export async function readStats(
  redis: Redis,
  keys: Keys,
  name: string,
): Promise<{ sent: number; rejected: number }> {
  const [sent, rejected] = await redis.hmget(keys.stats(name), 'sent', 'refused');
  return { sent: Number(sent ?? 0), rejected: Number(rejected ?? 0) };
}

/** What Redis knows of a queue, beside its policy. */
export async function readQueueState(
  redis: Redis,
  keys: Keys,
  queue: Queue,
  policy: Policy,
): Promise<QueueState> {
  const { name } = queue;
  const [counts, paused, flow, stats, origins, time, gateTtl, gateCount] = await Promise.all([
    queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed'),
    queue.isPaused(),
    redis.hmget(keys.flow(name), 'paceUs', 'ceiling'),
    readStats(redis, keys, name),
    redis.zrange(keys.holds(name), 0, '-1'),
    redis.time(),
    redis.pttl(keys.bull(name).limiter),
    redis.get(keys.bull(name).limiter),
  ]);
  const until = origins.length === 0 ? [] : await redis.zmscore(keys.holds(name), ...origins);
  const now = Number(time[0]) * 1000 + Number(time[1]) / 1000;
  const { gate, paceUs } = pacingOf(policy.rate);
  return {
    name,
    policy,
    paused,
    gate,
    paceMs: paceUs === 0 ? null : paceUs / 1000,
    slowedTo:
      flow[0] == null ? null : { perSecond: 1_000_000 / Number(flow[0]), ceilingPerSecond: Number(flow[1]) },
    holds: origins
      .map((origin, index) => ({ origin, forMs: Math.ceil(Number(until[index] ?? 0) - now) }))
      .filter(({ forMs }) => forMs > 0),
    gateOpensInMs: Number(gateCount ?? 0) >= gate.max ? Math.max(0, gateTtl) : 0,
    counts: {
      waiting: (counts['wait'] ?? 0) + (counts['prioritized'] ?? 0),
      active: counts['active'] ?? 0,
      delayed: counts['delayed'] ?? 0,
      failed: counts['failed'] ?? 0,
    },
    ...stats,
  };
}
