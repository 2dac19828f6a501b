import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { defaultPrefix, keysOf } from '../../packages/shared/src/index.ts';
import { queue } from './settings.ts';

const keys = keysOf(defaultPrefix);
const bull = keys.bull(queue);

/** Follows what BullMQ says of its jobs, and looks at what is in Redis, on a connection that no proxy stands before. */
export class QueueWatch {
  /** Job id -> how often it completed or failed. */
  readonly ends = new Map<string, number>();
  readonly #redis: Redis;
  #last = '0-0';
  #closed = false;
  #running: Promise<void>;

  constructor(url: string) {
    this.#redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    this.#redis.on('error', () => {});
    this.#running = this.#follow();
  }

  async #follow(): Promise<void> {
    // The stream keeps its last 10,000 entries, some twenty seconds of them.
    while (!this.#closed) {
      await this.#read();
      await sleep(300);
    }
  }

  async #read(): Promise<void> {
    while (true) {
      const entries = await this.#redis.xrange(bull.eventStream, `(${this.#last}`, '+', 'COUNT', 2000);
      for (const [id, fields] of entries) {
        this.#last = id;
        const values = new Map<string, string>();
        for (let at = 0; at + 1 < fields.length; at += 2) values.set(fields[at]!, fields[at + 1]!);
        const event = values.get('event');
        const job = values.get('jobId')!;
        // Not an end: the run found that the job had ended before, and sent nothing. (A worker died between the outcome
        // and BullMQ's hearing of it, or an add was sent again whose job had come and gone.)
        if (values.get('returnvalue') === '"settled-before"') continue;
        if (event === 'completed' || event === 'failed') this.ends.set(job, (this.ends.get(job) ?? 0) + 1);
      }
      if (entries.length < 2000) return;
    }
  }

  /** Ids of the jobs in the queue that have not ended. */
  async left(): Promise<string[]> {
    const [waiting, active, delayed, prioritized] = await Promise.all([
      this.#redis.lrange(bull.wait, 0, -1),
      this.#redis.lrange(bull.active, 0, -1),
      this.#redis.zrange(bull.delayed, '0', '-1'),
      this.#redis.zrange(bull.prioritized, '0', '-1'),
    ]);
    return [...waiting, ...active, ...delayed, ...prioritized];
  }

  /** Reads what is left to read, and ends. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#read();
    this.#redis.disconnect();
  }
}

/** Of these ids, the ones whose outcome, or the marker of one, is in Redis. */
export async function outcomesIn(url: string, ids: string[]): Promise<Set<string>> {
  const redis = new Redis(url);
  const found = new Set<string>();
  for (let at = 0; at < ids.length; at += 500) {
    const some = ids.slice(at, at + 500);
    const values = await redis.mget(some.map((id) => keys.outcome(queue, id)));
    for (const [index, value] of values.entries()) if (value !== null) found.add(some[index]!);
  }
  redis.disconnect();
  return found;
}
