import type { Redis } from 'ioredis';
import { SluiceError, redactRedisUrl } from '@sluice/shared';

/** Above this share of maxmemory no job is accepted: workers need the rest to finish those that were. */
const watermark = 0.9;
const everyMs = 1000;

/** Above this share it is looked at more often: a process can add tens of megabytes a second. */
const nearShare = 0.6;
const nearMs = 100;

/** Refuses new jobs before Redis is full. Looks at its memory now and then, and only when jobs are added. */
export class MemoryWatch {
  readonly #redis: Redis;
  readonly #url: string;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #everyMs = everyMs;
  #full: { used: number; max: number } | null = null;

  constructor(redis: Redis, url: string) {
    this.#redis = redis;
    this.#url = url;
  }

  /** @throws SluiceError SLUICE_REDIS_FULL */
  async assertRoom(): Promise<void> {
    if (performance.now() - this.#lookedAt > this.#everyMs) {
      const isFirst = this.#looking === undefined;
      this.#lookedAt = performance.now();
      // Only the first add, and those that meet a full server, wait for the answer.
      this.#looking = this.#look().catch(() => {});
      if (isFirst || this.#full !== null) await this.#looking;
    }
    if (this.#full === null) return;
    const { used, max } = this.#full;
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    throw new SluiceError(
      'SLUICE_REDIS_FULL',
      `${redactRedisUrl(this.#url)} uses ${mib(used)} of ${mib(max)}; the job was not accepted. Raise maxmemory or let the queue drain`,
    );
  }

  async #look(): Promise<void> {
    const info = await this.#redis.info('memory');
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const [used, max] = [field('used_memory'), field('maxmemory')];
    this.#everyMs = max > 0 && used > nearShare * max ? nearMs : everyMs;
    this.#full = max > 0 && used > watermark * max ? { used, max } : null;
  }
}
