import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Envelope,
  type Settled,
  failedReason,
  outcomeError,
  parseDuration,
  SluiceError,
} from '@sluice/shared';
import type { CancelResult, DeadLetter, JobStatus } from '@sluice/producer';
import {
  type Attempt,
  type Verdict,
  admit,
  classify,
  ended,
  expired,
  guard,
  notAdmitted,
  withIdempotencyKey,
} from '@sluice/worker/for-testing';
import type { TestClock } from './clock.ts';
import type { Lane } from './lane.ts';
import { unsupported } from './unsupported.ts';
import { type Upstream, responseOf } from './upstream.ts';

/** A job in memory. */
export type MemoryJob = {
  id: string;
  queue: string;
  envelope: Envelope;
  priority: number;
  /** Its place among the jobs of one priority. */
  turn: number;
  /** Not before, epoch ms. */
  due: number;
  enqueuedAt: number;
  attemptsMade: number;
  isActive: boolean;
  end: Settled | null;
  settled: PromiseWithResolvers<Settled>;
};

type Happening = { at: number; happen: () => void };

const keyOf = (queue: string, id: string) => `${queue}/${id}`;

/** Queues and their one worker, in memory: decides as the workers do, in the time of the test. */
export class MemoryFleet {
  readonly lanes = new Map<string, Lane>();
  readonly dead = new Map<string, DeadLetter>();
  readonly clock: TestClock;
  readonly #jobs = new Map<string, MemoryJob>();
  readonly #upstream: Upstream;
  readonly #random: () => number;
  readonly #isAuto: boolean;
  readonly #onEnd: (job: MemoryJob, end: Settled) => void;
  readonly #asked = new Set<Promise<void>>();
  #happenings: Happening[] = [];
  #now = Date.now();
  #turns = 0;
  #isWoken = false;
  #isClosed = false;

  /** @param isAuto time moves on by itself when nothing else can happen */
  constructor(
    upstream: Upstream,
    isAuto: boolean,
    random: () => number,
    onEnd: (job: MemoryJob, end: Settled) => void,
  ) {
    this.#upstream = upstream;
    this.#isAuto = isAuto;
    this.#random = random;
    this.#onEnd = onEnd;
    this.clock = { now: () => this.#now, advance: (time) => this.#advance(time) };
  }

  job(queue: string, id: string): MemoryJob | undefined {
    return this.#jobs.get(keyOf(queue, id));
  }

  add(job: Pick<MemoryJob, 'id' | 'queue' | 'envelope' | 'priority' | 'due'>): MemoryJob {
    const settled = Promise.withResolvers<Settled>();
    settled.promise.catch(() => {});
    const added = {
      ...job,
      turn: this.#turns++,
      enqueuedAt: this.#now,
      attemptsMade: 0,
      isActive: false,
      end: null,
      settled,
    };
    this.#jobs.set(keyOf(job.queue, job.id), added);
    this.wake();
    return added;
  }

  status(queue: string, id: string): JobStatus {
    const job = this.job(queue, id);
    if (job === undefined) return 'unknown';
    if (job.end !== null) return job.end.outcome.kind === 'response' ? 'completed' : 'failed';
    if (job.isActive) return 'active';
    return job.due > this.#now ? 'delayed' : 'waiting';
  }

  /** Ends a job. @param isWithdrawn only if it does not run */
  cancel(queue: string, id: string, isWithdrawn = false): CancelResult {
    const job = this.job(queue, id);
    if (job === undefined) return 'unknown';
    if (job.end !== null) return 'ended';
    const wasActive = job.isActive;
    if (wasActive && isWithdrawn) return 'cancelling';
    this.#end(job, ended('cancelled', job.attemptsMade, this.#now, 'the job was cancelled'));
    return wasActive ? 'cancelling' : 'cancelled';
  }

  /** Sends a dead letter back to its queue. */
  redrive(queue: string, id: string): boolean {
    const job = this.job(queue, id);
    if (job === undefined || !this.dead.delete(keyOf(queue, id))) return false;
    const { deadline: _deadline, ...envelope } = job.envelope;
    this.add({ ...job, envelope, due: this.#now });
    return true;
  }

  /** Something has changed: looks what can happen now. */
  wake(): void {
    if (this.#isWoken || this.#isClosed) return;
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      this.#look();
    });
  }

  close(error: Error): void {
    this.#isClosed = true;
    for (const job of this.#jobs.values()) if (job.end === null) job.settled.reject(error);
  }

  async #advance(time: number | string): Promise<void> {
    const ms = typeof time === 'number' ? time : parseDuration(time);
    if (ms === null || !(ms >= 0)) {
      throw new SluiceError('SLUICE_INVALID_CONFIG', `"${time}" is not a duration: write "5s", or ms`);
    }
    const until = this.#now + ms;
    for (;;) {
      await this.#quiet();
      const next = this.#next();
      if (next > until) break;
      this.#now = Math.max(this.#now, next);
      this.#look();
    }
    this.#now = until;
    this.#look();
    await this.#quiet();
  }

  /** Resolves when nothing is under way that takes no time of the test. */
  async #quiet(): Promise<void> {
    do {
      await Promise.all(this.#asked);
      await nextTurn();
    } while (this.#asked.size > 0 || this.#isWoken);
  }

  #waiting(): MemoryJob[] {
    const waiting = [...this.#jobs.values()].filter((job) => job.end === null && !job.isActive);
    return waiting.sort((a, b) => a.priority - b.priority || a.turn - b.turn);
  }

  /** What is due happens; then, if time moves by itself, it goes to what comes next. */
  #look(): void {
    if (this.#isClosed) return;
    const now = this.#now;
    const due = this.#happenings.filter(({ at }) => at <= now);
    this.#happenings = this.#happenings.filter(({ at }) => at > now);
    for (const { happen } of due) happen();
    for (const job of this.#waiting()) {
      const lane = this.lanes.get(job.queue)!;
      if ((job.envelope.deadline ?? Infinity) <= now) this.#end(job, expired(job.attemptsMade, now));
      else if (!lane.isPaused && this.#startOf(job, lane) <= now && this.#hasRoom(lane, job.queue)) {
        this.#start(job, lane);
      }
    }
    if (!this.#isAuto || this.#asked.size > 0 || this.#isWoken) return;
    const next = this.#next();
    if (next === Infinity) return;
    this.#now = Math.max(now, next);
    this.wake();
  }

  #startOf(job: MemoryJob, lane: Lane): number {
    const origin = URL.parse(job.envelope.req.url)?.origin ?? '';
    return Math.max(job.due, lane.earliest(origin, this.#now));
  }

  #hasRoom(lane: Lane, queue: string): boolean {
    const most = lane.policy.concurrency.global ?? Infinity;
    return [...this.#jobs.values()].filter((job) => job.queue === queue && job.isActive).length < most;
  }

  /** When the next thing happens, epoch ms. */
  #next(): number {
    const times = this.#happenings.map(({ at }) => at);
    for (const job of this.#waiting()) {
      const lane = this.lanes.get(job.queue)!;
      times.push(job.envelope.deadline ?? Infinity);
      if (!lane.isPaused && this.#hasRoom(lane, job.queue)) times.push(this.#startOf(job, lane));
    }
    return Math.min(Infinity, ...times);
  }

  #start(job: MemoryJob, lane: Lane): void {
    const { policy } = lane;
    const taken = {
      queue: job.queue,
      id: job.id,
      token: '',
      data: job.envelope,
      attemptsMade: job.attemptsMade,
      stalls: 0,
      takenAt: 0,
      waitedMs: 0,
      signal: new AbortController().signal,
    };
    const context = { policy, now: () => this.#now, random: this.#random };
    const admitted = admit(taken, policy, this.#now);
    if (admitted.type !== 'admitted')
      return this.#carryOut(job, notAdmitted(admitted, taken, context).verdict);
    let origin: string;
    try {
      origin = guard(admitted.envelope.req.url, policy, true).origin;
    } catch (error) {
      return this.#carryOut(job, ended('blocked', job.attemptsMade + 1, this.#now, (error as Error).message));
    }
    const startedAt = this.#now;
    job.isActive = true;
    lane.started(startedAt);
    const req = withIdempotencyKey(admitted.envelope.req, job.id);
    const { terms } = admitted;
    const finish = (attempt: Attempt) => {
      if (job.end !== null) return;
      const judged = classify(attempt, {
        // Without our key: it is the caller's that vouches for a repetition.
        req: admitted.envelope.req,
        terms,
        maxHold: policy.maxHold,
        attemptsMade: job.attemptsMade,
        now: this.#now,
        random: this.#random(),
      });
      if (judged.holdMs > 0) lane.hold(origin, this.#now + judged.holdMs);
      this.#carryOut(job, judged.verdict);
    };
    const ask = async () => {
      const leftMs = Math.min(terms.timeoutMs, (job.envelope.deadline ?? Infinity) - startedAt);
      let attempt: Attempt;
      let delayMs = 0;
      try {
        const answer = await this.#upstream({
          method: req.method,
          url: req.url,
          headers: req.headers,
          body: Buffer.from(req.body ?? '', req.base64 === true ? 'base64' : 'utf8').toString(),
          attempt: job.attemptsMade + 1,
          at: startedAt,
        });
        delayMs = answer.delayMs ?? 0;
        const response = responseOf(answer, req.url);
        attempt = { type: 'response', ...response, durationMs: delayMs };
        if (response.head.status >= 300 && response.head.status < 400 && response.head.headers['location']) {
          throw unsupported('redirects');
        }
        if (response.body.length > policy.maxBody) {
          const message = `the response body is larger than ${policy.maxBody} bytes`;
          const failure = { kind: 'too-large' as const, message, unsent: false, head: response.head };
          attempt = { type: 'failure', failure, durationMs: delayMs };
        }
      } catch (error) {
        if (error instanceof SluiceError) {
          const verdict = ended('internal', job.attemptsMade + 1, this.#now, error.message);
          verdict.outcome.error = outcomeError(error.code, error.message);
          return this.#carryOut(job, verdict);
        }
        const failure = {
          kind: 'network' as const,
          message: error instanceof Error ? error.message : String(error),
          unsent: false,
        };
        attempt = { type: 'failure', failure, durationMs: 0 };
      }
      if (delayMs >= leftMs) {
        delayMs = leftMs;
        const message = `the attempt took longer than ${leftMs} ms`;
        attempt = {
          type: 'failure',
          failure: { kind: 'timeout', message, unsent: false },
          durationMs: leftMs,
        };
      }
      if (delayMs === 0) finish(attempt);
      else this.#happenings.push({ at: startedAt + delayMs, happen: () => finish(attempt) });
    };
    const asking: Promise<void> = ask().finally(() => {
      this.#asked.delete(asking);
      this.wake();
    });
    this.#asked.add(asking);
  }

  #carryOut(job: MemoryJob, verdict: Verdict): void {
    if (job.end !== null) return;
    job.isActive = false;
    switch (verdict.type) {
      case 'done':
      case 'give-up':
        return this.#end(job, verdict);
      case 'retry':
        job.attemptsMade += 1;
        job.due = this.#now + verdict.inMs;
        job.turn = this.#turns++;
        return this.wake();
      case 'give-back':
        job.due = this.#now + verdict.putOffMs;
        return this.wake();
    }
  }

  #end(job: MemoryJob, { outcome, body }: Settled): void {
    const { envelope, queue, id } = job;
    const end = {
      outcome: envelope.meta === undefined ? outcome : { ...outcome, meta: envelope.meta },
      body,
    };
    job.end = end;
    job.isActive = false;
    const { kind, error } = outcome;
    if (error !== undefined && kind !== 'cancelled') {
      this.dead.set(keyOf(queue, id), {
        id,
        queue,
        code: error.code,
        failedReason: failedReason(error),
        kind,
        attempts: outcome.attempts,
        enqueuedAt: job.enqueuedAt,
        failedAt: this.#now,
        spec: { method: envelope.req.method, url: envelope.req.url },
        redrives: [],
      });
    }
    this.#onEnd(job, end);
    job.settled.resolve(end);
    this.wake();
  }
}
