import { type Job, type KeepJobs, WaitingError } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Committed, type Keys, type Policy, endsField } from '@sluice/shared';
import type { PoolConfig } from '../settings.ts';
import { type GuardedAgent, createAgent } from '../http/agent.ts';
import type { IdleConnections } from '../http/idle-connections.ts';
import { endsWith, withEnds } from '../job/ends.ts';
import type { LivePolicy } from '../job/live-policy.ts';
import { abortReasons } from '../job/verdict.ts';
import { isAtMostOnce } from '../limits/send-marks.ts';
import type { Quarantine } from '../maintenance/quarantine.ts';
import type { WorkerMetrics } from '../observe/metrics.ts';
import { isConnectionNoise } from '../observe/outage-log.ts';
import type { PermitWatch } from '../observe/permit-watch.ts';
import type { RunContext } from '../pipeline/context.ts';
import { run } from '../pipeline/run.ts';
import { type Finish, RetryLater, Unsettled, settle, wakeIfLifted } from '../pipeline/settle.ts';
import type { Outcomes } from '../results/outcomes.ts';
import { Cancels } from './cancels.ts';
import { type BullHandlers, type BullWorker, startBullWorker } from './bull-worker.ts';
import type { Locks } from './locks.ts';
import { type RunInFlight, RunsInFlight } from './runs-in-flight.ts';
import type { Turn } from './turn.ts';
import { TurnBackend } from './turn-backend.ts';

/** What all queues of a process share. */
export type Shared = Omit<RunContext, 'policy' | 'agent' | 'observeAge'> & {
  config: PoolConfig;
  keys: Keys;
  redis: Redis;
  locks: Locks;
  outcomes: Outcomes;
  quarantine: Quarantine;
  idleConnections: IdleConnections;
  /** What the fleet knows this worker by. */
  workerId: string;
  metrics: WorkerMetrics;
  permitWatch: PermitWatch;
  /** Null: each job makes its own calls, because this BullMQ is not known, or Redis is a Cluster. */
  turn: Turn | null;
};

/** In BullMQ's form, with the age in seconds. `maintenance/failed-jobs.ts` does the rest. */
function keptFailed({ keepFailed: { age, count } }: Policy): KeepJobs {
  return { age: Math.ceil(age / 1000), count };
}

/** One queue being served: each job that BullMQ takes goes through the pipeline. */
export class ServedQueue {
  readonly live: LivePolicy;
  readonly #shared: Shared;
  readonly #agent: GuardedAgent;
  readonly #context: Omit<RunContext, 'policy'>;
  readonly #runs = new RunsInFlight();
  readonly #worker: BullWorker;
  readonly #forget: () => void;
  readonly #backend: TurnBackend | null;
  readonly #cancels = new Cancels();
  /** What the hashes of jobs are to keep of their attempts, by id and token. */
  readonly #fields = new Map<string, Record<string, string>>();
  #isTaking = true;
  #isClosing = false;

  constructor(live: LivePolicy, shared: Shared) {
    this.live = live;
    this.#shared = shared;
    const { config, redis, keys, locks, metrics, permitWatch, log, turn } = shared;
    this.#backend = turn === null ? null : new TurnBackend(turn, keys, live.name, config.lockMs);
    this.#agent = createAgent(live, config.concurrency, shared.idleConnections);
    const observeAge = (ageMs: number) => {
      metrics.permitAge.record(ageMs, { queue: live.name });
      permitWatch.observe(live, ageMs);
    };
    this.#context = { ...shared, agent: this.#agent, observeAge };
    this.#forget = locks.onReturn(() => void this.#keepLocks());
    const handlers: BullHandlers = {
      perform: (bull) => this.#perform(bull),
      ended: (bull, error) => this.#ended(bull, error),
      locksLost: () => void this.#keepLocks(),
      failed: (error) => {
        log[isConnectionNoise(error) ? 'debug' : 'warn']({ err: error, queue: live.name }, 'worker error');
        shared.quarantine.met(live.name, error);
      },
      fieldsOf: (id, token) => this.#takeFields(id, token),
    };
    this.#worker = startBullWorker(
      live.name,
      redis,
      { ...config, name: shared.workerId },
      handlers,
      this.#backend?.factory,
    );
  }

  /** Runs in flight. */
  get runs(): number {
    return this.#runs.count;
  }

  /** Sets how many jobs of this queue this process may have at once. */
  setConcurrency(jobs: number): void {
    this.#worker.concurrency = jobs;
  }

  /** Stops or resumes taking jobs. Those in flight go on. */
  setTaking(isTaking: boolean): void {
    if (this.#isClosing) return;
    this.#isTaking = isTaking;
    if (isTaking) void this.#worker.resume();
    else void this.#worker.pause(true);
  }

  /** To be called when the policy has changed. */
  policyChanged(): void {
    // Connections that a wider policy opened must not serve a narrower one.
    const connections = this.#agent.cutBlocked();
    if (connections === 0) return;
    this.#shared.log.info(
      { queue: this.live.name, connections },
      'closed the connections that the egress rules block now',
    );
  }

  cancel(id: string): void {
    if (!this.#runs.abort(id, abortReasons.cancelled)) this.#cancels.heard(id);
  }

  cancelAll(): void {
    this.#runs.abortAll(abortReasons.cancelled);
  }

  /** Gives the jobs in flight back to the front of the queue, unspent. */
  giveBackAll(): void {
    this.#runs.abortAll(abortReasons.shutdown);
  }

  /** Resolves when no run is in flight. */
  async idle(): Promise<void> {
    await this.#runs.ended();
  }

  /** Takes no more jobs, and resolves when those in flight have ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#isTaking = false;
    this.#forget();
    // While Redis is away, the worker may close before its runs have ended.
    await this.#worker.close();
    await this.#runs.ended();
    const unused = this.#backend?.left() ?? 0;
    for (let n = 0; n < unused; n++)
      await this.#shared.permits.giveBack(this.live.name, this.#shared.permits.came(), undefined);
    await this.#agent.close();
  }

  async #perform(bull: Job): Promise<string> {
    const queue = this.live.name;
    const { policy } = this.live;
    const { quarantine, permits, metrics, outcomes, holds } = this.#shared;
    const id = bull.id!;
    const token = bull.token!;
    const freeSince = this.#freeSince(id);
    // If it ended as a job, it would overwrite the key that it names.
    if (await quarantine.removed(queue, id)) {
      await permits.giveBack(queue, freeSince === undefined ? null : permits.came(), performance.now());
      throw new WaitingError();
    }
    // The policy says how often and when a job is retried; BullMQ would end it by itself, without an outcome.
    bull.opts.attempts = Number.MAX_SAFE_INTEGER;
    bull.opts.backoff = { type: 'sluice' };
    bull.opts.removeOnFail = keptFailed(policy);
    using inFlight = this.#runs.begin(id, token);
    // BullMQ may be about to take a job when it is told to take no more: that one is given back.
    if (!this.#isTaking) this.#runs.abort(id, abortReasons.shutdown);
    const job = {
      queue,
      id,
      token,
      data: bull.data as unknown,
      attemptsMade: bull.attemptsMade,
      stalls: bull.stalledCounter,
      takenAt: performance.now(),
      waitedMs: Math.max(0, Date.now() - bull.timestamp - (bull.opts.delay ?? 0)),
      signal: inFlight.signal,
      freeSince,
    };
    const before = job.attemptsMade === 0 ? [] : outcomes.endsOf(job).catch(() => []);
    const ran = await run(job, { ...this.#context, policy });
    metrics.run(queue, ran.verdict.type);
    if ('outcome' in ran.verdict) metrics.job(queue, ran.verdict.outcome.kind);
    const ends = endsWith(await before, ran.verdict, job, this.#shared.now());
    if (ends !== null && ran.verdict.type !== 'done')
      this.#fields.set(`${id} ${token}`, { [endsField]: JSON.stringify(ends) });
    const verdict = withEnds(ran.verdict, ends);
    return await settle(
      verdict,
      job,
      bull,
      ran.addressee,
      outcomes,
      holds,
      this.#finish(bull, token, inFlight),
    );
  }

  /** Ends a job in the turn of the process, where that can be done. */
  #finish(bull: Job, token: string, run: RunInFlight): Finish | undefined {
    const backend = this.#backend;
    if (backend === null) return undefined;
    return async (...end) => {
      run.ending(true);
      // BullMQ would say the same: not while the queue closes or pauses, nor while it has too many.
      const fetchNext = this.#isTaking && this.#runs.count <= this.#worker.concurrency;
      const fields = this.#fields.get(`${bull.id!} ${token}`) ?? {};
      let committed: Committed | null = null;
      try {
        committed = await backend.finish({ bull, token, fetchNext, fields }, ...end);
      } finally {
        run.ending(committed !== null);
      }
      return committed;
    };
  }

  /** When the permit that came along with a job was asked for; one that a cancel may have overtaken counts as old. */
  #freeSince(id: string): number | undefined {
    const since = this.#backend?.freeSince(id);
    if (since === undefined) return undefined;
    return this.#cancels.since(id, since) ? Number.NEGATIVE_INFINITY : since;
  }

  #takeFields(id: string, token: string): Record<string, string> {
    const key = `${id} ${token}`;
    const fields = this.#fields.get(key) ?? {};
    this.#fields.delete(key);
    return fields;
  }

  #ended(bull: Job, error: Error | null): void {
    this.#takeFields(bull.id!, bull.token!);
    const { log, sendMarks, holds } = this.#shared;
    const queue = this.live.name;
    if (error instanceof RetryLater && error.isPutOff)
      wakeIfLifted(bull, queue, holds).catch((failure: unknown) =>
        log.warn({ err: failure, queue, id: bull.id }, 'a job whose hold was lifted was not woken'),
      );
    if (error instanceof Unsettled) log.error({ queue, id: bull.id }, error.message);
    if (!isAtMostOnce(bull.data, this.live.policy)) return;
    // By now BullMQ has counted the attempt. Marks that are left expire.
    const attempt = { queue, id: bull.id!, token: bull.token!, attemptsMade: bull.attemptsMade - 1 };
    sendMarks.clear(attempt).catch(() => {});
  }

  async #keepLocks(): Promise<void> {
    const { locks, log } = this.#shared;
    const queue = this.live.name;
    try {
      const lost = await locks.keep(queue, this.#runs.tokens());
      const jobs = lost.filter((id) => this.#runs.abort(id, abortReasons.lockLost)).length;
      if (jobs > 0) log.warn({ queue, jobs }, 'the locks of jobs expired; the jobs run again');
    } catch (error) {
      log.debug({ err: error, queue }, 'cannot keep the locks');
    }
  }
}
