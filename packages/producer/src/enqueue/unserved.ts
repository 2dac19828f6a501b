import type { Redis } from 'ioredis';
import { type Keys, type WorkerRecord, serves } from '@sluice/shared';
import { liveWorkers } from '../connection/workers.ts';
import type { Warning } from '../reports.ts';
import { wasWarned } from '../warn-once.ts';

/** How long a job may wait before anyone wonders, ms. */
const patienceMs = 2000;

/** When to look again, ms: workers announce themselves so often. */
const againMs = 5000;

/** How many of the jobs that wait longest are looked at. */
const atOnce = 20;

const code = 'SLUICE_NO_WORKER';

/** The jobs of one queue that are awaited here: id -> when it was due, performance.now(). */
type Awaited = { jobs: Map<string, number>; timer: NodeJS.Timeout | undefined };

/**
 * Warns, once per queue, when a job that is awaited here is not taken because no worker serves its queue: the usual
 * first mistake, and a wait that nothing else explains. It asks Redis nothing before a job has waited for 2 s.
 */
export class UnservedWatch {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #queues = new Map<string, Awaited>();
  readonly #warn: (warning: Warning, about: string) => void;
  readonly #warned = new Set<string>();
  #closed = false;

  /** @param warn `about`: one of the same is enough for a process */
  constructor(redis: Redis, keys: Keys, warn: (warning: Warning, about: string) => void) {
    this.#warn = warn;
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Watches while the outcome is awaited. @param dueMs how long after now the job may first be taken */
  async during<T>(queue: string, id: string, dueMs: number, outcome: Promise<T>): Promise<T> {
    if (this.#warned.has(queue) || wasWarned(code, this.#keys.policy(queue))) return await outcome;
    const awaited = this.#of(queue);
    awaited.jobs.set(id, performance.now() + dueMs);
    awaited.timer ??= this.#later(queue, awaited, patienceMs);
    try {
      return await outcome;
    } finally {
      awaited.jobs.delete(id);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#queues.values()) clearTimeout(timer);
    this.#queues.clear();
  }

  #of(queue: string): Awaited {
    let awaited = this.#queues.get(queue);
    if (awaited === undefined) this.#queues.set(queue, (awaited = { jobs: new Map(), timer: undefined }));
    return awaited;
  }

  #later(queue: string, awaited: Awaited, ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.#look(queue, awaited), ms).unref();
  }

  async #look(queue: string, awaited: Awaited): Promise<void> {
    awaited.timer = undefined;
    if (this.#closed) return;
    if (awaited.jobs.size === 0) {
      this.#queues.delete(queue);
      return;
    }
    const before = performance.now() - patienceMs;
    const late = [...awaited.jobs].filter(([, dueAt]) => dueAt <= before).map(([id]) => id);
    try {
      if (late.length > 0 && (await this.#isUnserved(queue, late.slice(0, atOnce), awaited))) {
        awaited.jobs.clear();
        return;
      }
    } catch {
      // Redis is away: that is reported elsewhere.
    }
    // A look that asked nothing is cheap, and others may have been awaited for nearly as long.
    if (!this.#closed) awaited.timer ??= this.#later(queue, awaited, late.length > 0 ? againMs : patienceMs);
  }

  /** Also warns. Jobs that a worker has taken are not looked at again. */
  async #isUnserved(queue: string, ids: readonly string[], awaited: Awaited): Promise<boolean> {
    const workers = await liveWorkers(this.#redis, this.#keys);
    if (workers.some((worker) => serves(worker, queue))) return false;
    const bull = this.#keys.bull(queue);
    const [paused, holds, gateMs, now, ...states] = await Promise.all([
      this.#redis.hexists(bull.meta, 'paused'),
      this.#redis.zrange(this.#keys.holds(queue), '0', '0', 'REV', 'WITHSCORES'),
      this.#redis.pttl(bull.limiter),
      this.#redis.time(),
      // `ats`: how often it was taken.
      ...ids.map((id) => this.#redis.hmget(bull.job(id), 'data', 'ats')),
    ]);
    const held = Number(holds[1] ?? 0) > Number(now[0]) * 1000;
    // While the gate has a window, somebody has just taken jobs.
    if (paused === 1 || held || gateMs > 0) return false;
    const waits = states.map(([data, taken]) => data !== null && taken === null);
    ids.forEach((id, index) => waits[index] || awaited.jobs.delete(id));
    if (!waits.includes(true)) return false;
    this.#warned.add(queue);
    this.#warn({ code, message: noWorkerText(queue, workers) }, this.#keys.policy(queue));
    return true;
  }
}

function noWorkerText(queue: string, workers: readonly WorkerRecord[]): string {
  const others =
    workers.length === 1 ? 'the one worker here serves' : `the ${workers.length} workers here serve`;
  const who =
    workers.length === 0
      ? 'no worker has announced itself'
      : `${others} other queues (${[...new Set(workers.flatMap(({ queues }) => queues))].sort().join(', ')})`;
  return (
    `a job of queue "${queue}" has waited for 2 s and was not taken: ${who}. Start one with the same Redis and prefix: ` +
    'npx sluice-worker, or startWorker() of @sluice/worker in a process of yours. (Workers of 0.1 announce nothing: ' +
    'if one of those serves the queue, the job is only late.)'
  );
}
