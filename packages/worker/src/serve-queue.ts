import { type Job, type KeepJobs, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from './logger.ts';
import type { Policy } from '@sluice/shared';
import type { WorkerConfig } from './config.ts';
import { createAgent } from './http/agent.ts';
import type { IdleConnections } from './http/idle-connections.ts';
import type { Holds } from './limits/holds.ts';
import type { Locks } from './limits/locks.ts';
import type { Permits } from './limits/permit.ts';
import type { ServedQueue } from './limits/policy.ts';
import { type SendMarks, isAtMostOnce } from './limits/send-marks.ts';
import type { Semaphore } from './limits/semaphore.ts';
import type { ClockWatch } from './ops/clock-watch.ts';
import type { WorkerMetrics } from './ops/metrics.ts';
import { isTold } from './ops/outage-log.ts';
import { run } from './pipeline/run.ts';
import { Unsettled, backoffStrategy, settle } from './pipeline/settle.ts';
import type { Suspects } from './pipeline/suspects.ts';
import { abortReasons } from './pipeline/verdict.ts';
import type { Quarantine } from './quarantine.ts';
import { RunsInFlight } from './ops/runs-in-flight.ts';
import type { Outcomes } from './results/store.ts';
import type { Bodies } from './results/bodies.ts';
import type { Transforms } from './transform/transforms.ts';

/** A sleeping worker notices a changed limit or a due retry within this. */
const maximumRateLimitDelayMs = 1000;

/** What all queues of a process share. */
export type Process = {
  config: WorkerConfig;
  log: Logger;
  redis: Redis;
  locks: Locks;
  clock: ClockWatch;
  slots: Semaphore;
  permits: Permits;
  holds: Holds;
  outcomes: Outcomes;
  bodies: Bodies;
  transforms: Transforms;
  sendMarks: SendMarks;
  suspects: Suspects;
  quarantine: Quarantine;
  idleConnections: IdleConnections;
  metrics: WorkerMetrics;
  /** Called with the age of each permit used, ms. */
  observeAge: (queue: string, ageMs: number) => void;
};

/** One queue being served. */
export type Serving = {
  queue: ServedQueue;
  /** Jobs of this queue that this process may have taken at once. */
  setConcurrency(jobs: number): void;
  /** The policy is another one now. */
  policyChanged(): void;
  cancel(id: string): void;
  cancelAll(): void;
  /** Stops taking jobs, or goes on. Those in flight go on. */
  setTaking(taking: boolean): void;
  /** Gives the jobs in flight back to the front of the queue, unspent. */
  giveBackAll(): void;
  /** Runs in flight. */
  readonly runs: number;
  /** Resolves when no run is in flight. */
  idle(): Promise<void>;
  /** Takes no more jobs, and resolves when those in flight have ended. */
  close(): Promise<void>;
};

/** As BullMQ takes it; age in seconds. The rest is done by `results/failed-jobs.ts`. */
function keptFailed({ keepFailed: { age, count } }: Policy): KeepJobs {
  return { age: Math.ceil(age / 1000), count };
}

/** Starts a BullMQ worker on a queue: each job it takes goes through the pipeline. */
export function serveQueue(queue: ServedQueue, shared: Process): Serving {
  const { config, log, redis, locks, slots, permits, holds, outcomes, sendMarks } = shared;
  const agent = createAgent(queue, config.concurrency, shared.idleConnections);
  const observeAge = (ageMs: number) => shared.observeAge(queue.name, ageMs);
  const runs = new RunsInFlight();
  let taking = true;
  let isClosing = false;

  const processor = async (bull: Job, token: string | undefined) => {
    // Ended as a job, it would write over the key that it names.
    if (await shared.quarantine.removed(queue.name, bull.id!)) {
      await permits.giveBack(queue.name, null, performance.now());
      throw new WaitingError();
    }
    // The policy says how often and when it is tried again; BullMQ would end a job of its own accord, with no outcome.
    bull.opts.attempts = Number.MAX_SAFE_INTEGER;
    bull.opts.backoff = { type: 'sluice' };
    bull.opts.removeOnFail = keptFailed(queue.policy);
    using inFlight = runs.begin(bull.id!, token!);
    // BullMQ may be about to take a job when it is told to take no more: that one is given back.
    if (!taking) runs.abort(bull.id!, abortReasons.shutdown);
    const job = {
      queue: queue.name,
      id: bull.id!,
      token: token!,
      data: bull.data as unknown,
      attemptsMade: bull.attemptsMade,
      stalls: bull.stalledCounter,
      takenAt: performance.now(),
      signal: inFlight.signal,
    };
    const context = {
      policy: queue.policy,
      agent,
      slots,
      permits,
      holds,
      bodies: shared.bodies,
      transforms: shared.transforms,
      sendMarks,
      suspects: shared.suspects,
      log,
      observeAge,
      now: () => shared.clock.now(),
      random: Math.random,
    };
    const { verdict, addressee } = await run(job, context);
    shared.metrics.run(queue.name, verdict.type);
    if ('outcome' in verdict) shared.metrics.job(queue.name, verdict.outcome.kind);
    return await settle(verdict, job, bull, addressee, outcomes, holds);
  };

  const worker = new Worker(queue.name, processor, {
    connection: redis,
    prefix: config.prefix,
    // No skipVersionCheck: not knowing the server, BullMQ blocks for whole seconds, and retries come up to 1 s late.
    lockDuration: config.lockMs,
    stalledInterval: config.stalledIntervalMs,
    // Kills never fail a job; BullMQ would do so without an outcome.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    maximumRateLimitDelay: maximumRateLimitDelayMs,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy },
  });
  worker.on('error', (error) => {
    log[isTold(error) ? 'debug' : 'warn']({ err: error, queue: queue.name }, 'worker error');
    shared.quarantine.met(queue.name, error);
  });
  const unmark = (bull: Job | undefined) => {
    if (bull === undefined || !isAtMostOnce(bull.data, queue.policy)) return;
    // BullMQ has counted the attempt by now.
    const run = { queue: queue.name, id: bull.id!, token: bull.token!, attemptsMade: bull.attemptsMade - 1 };
    // What is left goes by its TTL.
    sendMarks.clear(run).catch(() => {});
  };
  worker.on('completed', unmark);
  worker.on('failed', unmark);
  worker.on('failed', (bull, error) => {
    if (error instanceof Unsettled) log.error({ queue: queue.name, id: bull?.id }, error.message);
  });
  worker.on('stalled', (id) => {
    shared.quarantine
      .look(queue.name, id)
      .catch((error: unknown) => log.warn({ err: error, id }, 'quarantine failed'));
  });
  const keepLocks = async () => {
    try {
      const lost = await locks.keep(queue.name, runs.tokens());
      const jobs = lost.filter((id) => runs.abort(id, abortReasons.lockLost)).length;
      if (jobs > 0) log.warn({ queue: queue.name, jobs }, 'the locks of jobs ran out; they run again');
    } catch (error) {
      log.debug({ err: error, queue: queue.name }, 'cannot look after the locks');
    }
  };
  worker.on('lockRenewalFailed', () => void keepLocks());
  const forget = locks.onReturn(() => void keepLocks());
  const { backend } = worker;
  const moveStalled = backend.moveStalledJobsToWait.bind(backend);
  backend.moveStalledJobsToWait = async () =>
    (await locks.areTelling(queue.name)) ? await moveStalled() : [];

  return {
    queue,
    setConcurrency: (jobs) => {
      worker.concurrency = jobs;
    },
    policyChanged: () => {
      // Connections that a wider policy opened must not serve a narrower one.
      const connections = agent.cutRefused();
      if (connections > 0)
        log.info({ queue: queue.name, connections }, 'cut what the egress rules refuse now');
    },
    cancel: (id) => void runs.abort(id, abortReasons.cancelled),
    cancelAll: () => runs.abortAll(abortReasons.cancelled),
    setTaking: (again) => {
      if (isClosing) return;
      taking = again;
      if (taking) void worker.resume();
      else void worker.pause(true);
    },
    giveBackAll: () => runs.abortAll(abortReasons.shutdown),
    get runs() {
      return runs.count;
    },
    idle: () => runs.ended(),
    close: async () => {
      isClosing = true;
      taking = false;
      forget();
      // With Redis away, the first may end before the second.
      await worker.close();
      await runs.ended();
      await agent.close();
    },
  };
}
