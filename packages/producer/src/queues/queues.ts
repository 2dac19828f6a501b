import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, SluiceError, encodeMessage, releaseScript, startEvenlyScript } from '@sluice/shared';
import type { Trail } from '../audit/trail.ts';
import type { OpenQueues } from '../connection/open-queues.ts';
import type { KnownQueues } from '../enqueue/known-queues.ts';
import type { Policies } from './policies.ts';
import { Overview } from './overview.ts';
import { QueueRemoval } from './removal.ts';
import { type QueueState, readQueueState, readStats } from './queue-state.ts';

/** A stored policy for the audit log, whatever is in it. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

async function wake(queue: Queue, id: string): Promise<void> {
  const job = await queue.getJob(id);
  await job?.promote();
}

/** What operators do with queues besides changing their policy. */
export class Queues {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #policies: Policies;
  readonly #open: OpenQueues;
  readonly #known: KnownQueues;
  readonly #trail: Trail;
  readonly #release: BoundTo<typeof releaseScript>;
  readonly #startEvenly: BoundTo<typeof startEvenlyScript>;

  constructor(parts: {
    redis: Redis;
    keys: Keys;
    policies: Policies;
    open: OpenQueues;
    known: KnownQueues;
    trail: Trail;
  }) {
    const { redis, keys } = parts;
    this.#redis = redis;
    this.#keys = keys;
    this.#policies = parts.policies;
    this.#open = parts.open;
    this.#known = parts.known;
    this.#trail = parts.trail;
    this.#release = bindScript(redis, keys, releaseScript);
    this.#startEvenly = bindScript(redis, keys, startEvenlyScript);
  }

  /** The names of all queues that have a policy, sorted. */
  async list(): Promise<string[]> {
    return (await this.#redis.hkeys(this.#keys.queues)).sort();
  }

  /** @throws SluiceError SLUICE_POLICY_MISSING */
  async show(name: string): Promise<QueueState> {
    const policy = await this.#policies.read(name);
    if (policy === null) throw this.#missing(name);
    return await readQueueState(this.#redis, this.#keys, this.#open.get(name), policy);
  }

  /** Requests sent, and rejected by the upstream (429, or 503 with a stated wait), since the queue was created. */
  async stats(name: string): Promise<{ sent: number; rejected: number }> {
    return await readStats(this.#redis, this.#keys, name);
  }

  /** The figures of all queues, to be looked at again and again: a screen of them, or a page. */
  overview(): Overview {
    return new Overview(this.#redis, this.#keys);
  }

  /**
   * The ids of jobs, at most so many: those that wait in the order in which they are taken, the delayed ones by their
   * time, the failed ones newest first. Reads no more of a list than it gives.
   */
  async jobs(
    name: string,
    state: 'waiting' | 'active' | 'delayed' | 'failed',
    limit: number,
  ): Promise<string[]> {
    if (limit < 1) return [];
    const { wait, prioritized, active, delayed, failed } = this.#keys.bull(name);
    const last = limit - 1;
    if (state === 'active') return await this.#redis.lrange(active, 0, last);
    if (state === 'delayed') return await this.#redis.zrange(delayed, 0, String(last));
    if (state === 'failed') return await this.#redis.zrevrange(failed, 0, last);
    // Jobs are taken from the end of the list; then come those with a priority.
    const first = (await this.#redis.lrange(wait, -limit, -1)).toReversed();
    if (first.length === limit) return first;
    return [...first, ...(await this.#redis.zrange(prioritized, 0, String(last - first.length)))];
  }

  /** Takes no more jobs from the queue, in the whole fleet; those in flight finish. */
  async pause(name: string): Promise<void> {
    await this.#assertThere(name);
    await this.#notePaused(name, true);
    await this.#open.get(name).pause();
  }

  async resume(name: string): Promise<void> {
    await this.#assertThere(name);
    await this.#notePaused(name, false);
    await this.#startEvenly([name], {});
    await this.#open.get(name).resume();
  }

  /**
   * Lifts the holds of a queue, or of one origin, and wakes the jobs that were put off because of them.
   * @returns how many holds were lifted
   */
  async release(name: string, origin = ''): Promise<number> {
    await this.#assertThere(name);
    const keys = this.#keys;
    const message = encodeMessage({ type: 'release', queue: name });
    const { lifted, jobs } = await this.#release([name], {
      origin,
      channel: keys.events,
      message,
      actor: this.#trail.actor,
      queue: name,
    });
    if (lifted > 0 || origin === '') this.#trail.log('queue.release', { queue: name, subject: origin });
    const queue = this.#open.get(name);
    for (const id of jobs) {
      // Throws for a job that is no longer delayed (it needs no waking), and for one that cannot be read.
      await wake(queue, id).catch(() => {});
    }
    return lifted;
  }

  /**
   * Removes a queue with its policy, every job in it, and the records of ids and idempotency keys. Jobs that have not
   * ended end as `cancelled` for whoever awaits them. Outcomes that are kept stay until their TTL. The log of starts goes,
   * too: a queue that is created anew under this name may send its burst at once.
   */
  async remove(name: string): Promise<void> {
    const keys = this.#keys;
    const queue = this.#open.get(name);
    const removal = new QueueRemoval(this.#redis, keys, name);
    const before = await this.#redis.hget(keys.policy(name), 'json');
    await this.#trail.note('queue.remove', {
      queue: name,
      before: before === null ? undefined : parsed(before),
    });
    await this.#redis.hdel(keys.queues, name);
    this.#known.forget();
    await queue.pause();
    const active = await removal.active();
    await removal.endWaiting();
    await queue.obliterate({ force: true });
    await removal.settle(active);
    const own = [
      keys.policy,
      keys.pace,
      keys.starts,
      keys.schedule,
      keys.holds,
      keys.stats,
      keys.flow,
      keys.deadlines,
      keys.putOff,
      keys.stalledLook,
    ];
    // BullMQ leaves its limiter behind, for as long as the window or a hold lasts: maybe hours.
    await this.#redis.unlink(...own.map((key) => key(name)), keys.bull(name).limiter);
    await this.#redis.zrem(keys.due, name);
    await this.#forget(name);
    await this.#redis.publish(keys.events, encodeMessage({ type: 'policy', queue: name }));
  }

  async #notePaused(name: string, after: boolean): Promise<void> {
    const before = await this.#open.get(name).isPaused();
    const action = after ? 'queue.pause' : 'queue.resume';
    if (before !== after)
      await this.#trail.note(action, { queue: name, before: { paused: before }, after: { paused: after } });
  }

  /** Removes the marks of jobs that were enqueued, sent or cancelled: they would block new jobs with the same names. */
  async #forget(name: string): Promise<void> {
    const { record, sent, cancel } = this.#keys;
    const begins = [
      record(name, 'id', ''),
      record(name, 'key', ''),
      record(name, 'enqueue', ''),
      sent(name, ''),
      cancel(name, ''),
    ];
    for (const begin of begins) {
      const found = this.#redis.scanStream({ match: `${begin}*`, count: 1000 });
      for await (const names of found as AsyncIterable<string[]>) {
        if (names.length > 0) await this.#redis.unlink(...names);
      }
    }
  }

  /** The policy may be unreadable: it must always be possible to stop a queue. */
  async #assertThere(name: string): Promise<void> {
    if ((await this.#redis.hexists(this.#keys.queues, name)) === 0) throw this.#missing(name);
  }

  #missing(name: string): SluiceError {
    const message = `queue "${name}" has no policy; create one with: sluice queue set ${name} --rate 100/60s`;
    return new SluiceError('SLUICE_POLICY_MISSING', message);
  }
}
