import { z } from 'zod';

/** The default prefix. Its braces are a Redis Cluster hash tag: all keys fall into one slot, so scripts can use several. */
export const defaultPrefix = '{sluice}';

/** A key prefix with a Redis Cluster hash tag. */
export const prefixSchema = z
  .string()
  .regex(/^\{[A-Za-z0-9_.-]+\}[A-Za-z0-9_.-]*$/, 'must begin with a hash tag in braces, such as {sluice}');

/** The names of Sluice's own Redis keys. BullMQ's begin with `prefix:`, ours with `prefix/`, so none can meet. */
export function keysOf(prefix: string) {
  return {
    /** Hash: queue -> version of its policy. The list of all queues. */
    queues: `${prefix}/queues`,
    /** Hash: id of an API key -> what is stored of it, without its secret (see access/api-key.ts). */
    apiKeys: `${prefix}/api-keys`,
    /** Stream: the audit log. Behind a slash and an actor: list with TTL, the ids of his entries (see scripts/parts/audit.ts). */
    audit: `${prefix}/audit`,
    /** String with TTL: how many requests a caller of the gateways has made in the current window. */
    requests: (caller: string) => `${prefix}/requests/${caller}`,
    /** Set with TTL: the API keys that a job, or a batch, was enqueued with through a gateway. */
    owners: (queue: string, kind: 'job' | 'batch', name: string) =>
      `${prefix}/owners/${queue}/${kind}/${name}`,
    /** Sorted set with TTL: workers that are alive -> when each last said so, ms of Redis' clock. */
    workers: `${prefix}/workers`,
    /** String with TTL: what a worker says of itself (see worker-record.ts). */
    worker: (id: string) => `${prefix}/worker/${id}`,
    /** Hash with TTL: which worker has the duty to sweep, and when the fleet was last seen (see scripts/duty.ts). */
    sweeper: `${prefix}/sweeper`,
    /** Sorted set: queue -> its earliest deadline, epoch ms, or earlier: when to look at its deadlines. */
    due: `${prefix}/due`,
    /** Channel: what workers should look at now (see messages.ts). */
    events: `${prefix}/events`,
    /** Hash: `json`, `version`, and what scripts need of it (see scripts/parts/rate-terms.ts). */
    policy: (queue: string) => `${prefix}/policy/${queue}`,
    /** List: the log of starts (see scripts/parts/start-log.ts). */
    starts: (queue: string) => `${prefix}/starts/${queue}`,
    /** Hash: when the next start is due, and what idle time has earned (see scripts/parts/schedule.ts). */
    schedule: (queue: string) => `${prefix}/schedule/${queue}`,
    /** String: the time from which 0.1 may grant starts, µs of Redis' clock. */
    pace: (queue: string) => `${prefix}/pace/${queue}`,
    /**
     * Hash: the effective rate while the upstream rejects more than the policy foresees (see
     * scripts/parts/effective-rate.ts).
     */
    flow: (queue: string) => `${prefix}/flow/${queue}`,
    /** Sorted set: job -> deadline, epoch ms. */
    deadlines: (queue: string) => `${prefix}/deadlines/${queue}`,
    /** Sorted set: origin -> held until, ms of Redis' clock. */
    holds: (queue: string) => `${prefix}/holds/${queue}`,
    /** Sorted set: jobs that the upstream asked to wait -> until, ms of Redis' clock. Lifting the hold wakes them. */
    putOff: (queue: string) => `${prefix}/put-off/${queue}`,
    /** Hash with TTL: what workers up to 0.1 noted of their looks for stalled jobs. */
    stalledLook: (queue: string) => `${prefix}/stalled-look/${queue}`,
    /** Hash: `sent`, and `refused` (rejected by the upstream): requests of the queue since it was created. */
    stats: (queue: string) => `${prefix}/stats/${queue}`,
    /** String with TTL: the job was cancelled. */
    cancel: (queue: string, id: string) => `${prefix}/cancel/${queue}/${id}`,
    /** String with TTL: the settled outcome, or a marker that there was one. */
    outcome: (queue: string, id: string) => `${prefix}/outcome/${queue}/${id}`,
    /** Hash with TTL: attempt of an at-most-once job that is being sent, or was -> lock token of its run. */
    sent: (queue: string, id: string) => `${prefix}/sent/${queue}/${id}`,
    /** Set with TTL: the producers that await a job besides the one that enqueued it. */
    watchers: (queue: string, id: string) => `${prefix}/watchers/${queue}/${id}`,
    /** Stream: the outcomes that one producer process awaits. */
    replies: (producer: string) => `${prefix}/replies/${producer}`,
    /** Stream: the outcomes of a batch, in the order of their ends. */
    batch: (name: string) => `${prefix}/batch/${name}`,
    /** Hash: `total`, `ended` and `failed` jobs of a batch, `sealed` when no more are added, `queue` if all are of one. */
    batchState: (name: string) => `${prefix}/batch-state/${name}`,
    /** Hash with TTL: what was enqueued under an id or a key (see scripts/dedup.ts). `enqueue`: the key of the call. */
    record: (queue: string, kind: 'id' | 'key' | 'enqueue', name: string) =>
      `${prefix}/record/${queue}/${kind}/${name}`,
    /** Any type, with TTL: what was found in place of a job's hash. */
    quarantined: (queue: string, id: string) => `${prefix}/quarantined/${queue}/${id}`,
    /** The keys of a semaphore (see scripts/semaphore.ts). */
    semaphore: (name: string) => ({
      holders: `${prefix}/semaphore-holders/${name}`,
      tickets: `${prefix}/semaphore-tickets/${name}`,
      waiters: `${prefix}/semaphore-waiters/${name}`,
      state: `${prefix}/semaphore-state/${name}`,
    }),
    /** Channel: whose turn it is at a semaphore, as `name token token`. */
    turns: `${prefix}/turns`,
    /** BullMQ's own keys that our scripts read or write. */
    bull: (queue: string) => ({
      meta: `${prefix}:${queue}:meta`,
      limiter: `${prefix}:${queue}:limiter`,
      wait: `${prefix}:${queue}:wait`,
      delayed: `${prefix}:${queue}:delayed`,
      prioritized: `${prefix}:${queue}:prioritized`,
      failed: `${prefix}:${queue}:failed`,
      active: `${prefix}:${queue}:active`,
      stalled: `${prefix}:${queue}:stalled`,
      marker: `${prefix}:${queue}:marker`,
      priorityCounter: `${prefix}:${queue}:pc`,
      eventStream: `${prefix}:${queue}:events`,
      job: (id: string) => `${prefix}:${queue}:${id}`,
      lock: (id: string) => `${prefix}:${queue}:${id}:lock`,
    }),
  };
}

export type Keys = ReturnType<typeof keysOf>;
