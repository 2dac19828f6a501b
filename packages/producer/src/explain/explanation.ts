import type { ErrorCode, OutcomeKind } from '@sluice/shared';

/** Where a job is. `unknown`: there is none with this id, or its outcome is no longer kept. */
export type JobStatus = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'unknown';

/**
 * Why a job is where it is.
 * - `no-policy`: its queue has none, so no worker serves it
 * - `paused`: its queue is
 * - `held`: its origin is, because the upstream asked for quiet
 * - `concurrency`: as many jobs run as the policy allows in the fleet
 * - `rate`: the next starts belong to others, or the gate is shut
 * - `behind`: other jobs are taken first
 * - `worker`: nothing; the next worker that is free takes it
 * - `scheduled`: it was enqueued for a later time
 * - `backoff`: an attempt failed, and the next one is due later
 * - `put-off`: it was taken, and put back until later with no attempt spent
 * - `running`, `cancelling`: a worker has it
 * - `ended`, `unknown`: see the status
 */
export type JobReason =
  | 'no-policy'
  | 'paused'
  | 'held'
  | 'concurrency'
  | 'rate'
  | 'behind'
  | 'worker'
  | 'scheduled'
  | 'backoff'
  | 'put-off'
  | 'running'
  | 'cancelling'
  | 'ended'
  | 'unknown';

/** Where a job is and what it waits for. Times are epoch ms of Redis' clock; null: not known, or there is none. */
export type Explanation = {
  queue: string;
  id: string;
  status: JobStatus;
  why: JobReason;
  /** When this was so. */
  at: number;
  request: { method: string; url: string } | null;
  /** Attempts made. One that runs is not among them. */
  attempts: { made: number; most: number | null };
  /** How many jobs are taken before this one; null also where it is more than 10,000 places from the front. */
  ahead: number | null;
  /** The end of what it waits for: the hold, the backoff, the time it was enqueued for, the gate. */
  until: number | null;
  /** Before this it does not start, as things are. With a rate and jobs ahead, an estimate. */
  earliestStart: number | null;
  enqueuedAt: number | null;
  /** When a worker took it last. */
  startedAt: number | null;
  /** The worker that has it, by its id among `workers()`; null also where the worker is of 0.1. */
  worker: string | null;
  /** How long that worker has had it, ms; null: none has. */
  runningMs: number | null;
  deadline: number | null;
  /** What the last attempt ended with, if it was not the end of the job. */
  lastError: string | null;
  outcome: {
    kind: OutcomeKind | 'unknown';
    endedAt: number | null;
    /** Of the last response. */
    status: number | null;
    error: { code: ErrorCode; message: string } | null;
  } | null;
};
