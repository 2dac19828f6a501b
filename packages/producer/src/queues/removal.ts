import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Addressee,
  type Keys,
  codeOfOutcome,
  outcomeError,
  readEnvelopeText,
  settleCall,
  settleScript,
} from '@sluice/shared';

const atOnce = 200;

/** A job that has not ended, and its addressee. */
type Open = { id: string; addressee: Addressee; attempts: number };

/**
 * Ends the jobs of a queue that is being removed. Whoever awaits one gets its outcome, in every process, as at any
 * other end. The queue must be paused.
 */
export class QueueRemoval {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #queue: string;
  readonly #settle: BoundTo<typeof settleScript>;
  readonly #ended = new Set<string>();

  constructor(redis: Redis, keys: Keys, queue: string) {
    this.#redis = redis;
    this.#keys = keys;
    this.#queue = queue;
    this.#settle = bindScript(redis, keys, settleScript);
  }

  /** Ends the jobs that wait, and those that were added meanwhile. */
  async endWaiting(): Promise<void> {
    const { wait, prioritized, delayed } = this.#keys.bull(this.#queue);
    let before: number;
    do {
      before = this.#ended.size;
      // From the end that jobs are taken from: jobs that are added meanwhile shift no others.
      for await (const ids of this.#pages((first, last) => this.#redis.lrange(wait, -1 - last, -1 - first))) {
        await this.#end(ids);
      }
      for (const set of [prioritized, delayed]) {
        for await (const ids of this.#pages((first, last) => this.#redis.zrange(set, first, String(last)))) {
          await this.#end(ids);
        }
      }
    } while (this.#ended.size > before);
  }

  /** The jobs that workers have now. Until the queue is gone, their locks keep us from ending them. */
  async active(): Promise<Open[]> {
    return await this.#read(await this.#redis.lrange(this.#keys.bull(this.#queue).active, 0, -1));
  }

  /** Ends jobs that their worker has not ended. It hears of the removal, too; whoever comes first ends the job. */
  async settle(jobs: readonly Open[]): Promise<void> {
    const [seconds] = await this.#redis.time();
    const endedAt = Number(seconds) * 1000;
    await Promise.all(
      jobs.map(async ({ id, addressee, attempts }) => {
        const kind = 'cancelled';
        const error = outcomeError(codeOfOutcome[kind], `queue "${this.#queue}" was removed`);
        const outcome = { kind, attempts, endedAt, durationMs: 0, error } as const;
        const job = { queue: this.#queue, id, token: 'removal' };
        const { place, args } = settleCall(job, addressee, { outcome, body: new Uint8Array() });
        await this.#settle(place, args);
      }),
    );
  }

  async *#pages(read: (first: number, last: number) => Promise<string[]>): AsyncGenerator<string[]> {
    for (let first = 0; ; first += atOnce) {
      const ids = await read(first, first + atOnce - 1);
      if (ids.length === 0) return;
      yield ids.filter((id) => !this.#ended.has(id));
    }
  }

  async #end(ids: string[]): Promise<void> {
    await this.settle(await this.#read(ids));
    for (const id of ids) this.#ended.add(id);
  }

  /** Leaves out jobs without data: nobody can be told of them. */
  async #read(ids: readonly string[]): Promise<Open[]> {
    const jobs = await Promise.all(
      ids.map(async (id) => {
        const fields = this.#redis.hmget(this.#keys.bull(this.#queue).job(id), 'data', 'atm');
        const [data = null, attempts = null] = await fields.catch(() => []);
        if (data === null) return [];
        return [{ id, addressee: readEnvelopeText(data).addressee, attempts: Number(attempts ?? 0) }];
      }),
    );
    return jobs.flat();
  }
}
