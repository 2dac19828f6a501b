import type { Redis } from 'ioredis';
import { SluiceError } from '@sluice/shared';
import { redactRedisUrl } from '@sluice/redis';

/** Above this share of maxmemory no job is accepted: workers need the rest to finish the jobs that were accepted. */
const watermark = 0.9;
const everyMs = 1000;

/** The share of the room left that may be filled before the next look: other processes add jobs, too. */
const sharePerLook = 0.1;

/** What a job takes in Redis besides the body of its request, bytes: its hash, its place in the queue, a record. */
const jobBytes = 1500;

/**
 * Accepts no more jobs before Redis is full. Looks at its memory only when jobs are added: once a second, and more
 * often the less room there is.
 */
export class MemoryWatch {
  readonly #redis: Redis;
  readonly #url: string;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** Bytes that may be added before a caller must wait for the next look. */
  #allowance = 0;
  #full: { used: number; max: number } | null = null;

  constructor(redis: Redis, url: string) {
    this.#redis = redis;
    this.#url = url;
  }

  /**
   * @param bodyBytes of the request that is about to be added
   * @throws SluiceError SLUICE_REDIS_FULL
   */
  async assertRoom(bodyBytes: number): Promise<void> {
    this.#allowance -= jobBytes + bodyBytes;
    if (performance.now() - this.#lookedAt > everyMs) this.#look();
    // While there is plenty of room, nobody waits for the look.
    if (this.#allowance < 0) {
      this.#look();
      await this.#looking;
    }
    if (this.#full === null) return;
    const { used, max } = this.#full;
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    throw new SluiceError(
      'SLUICE_REDIS_FULL',
      `${redactRedisUrl(this.#url)} uses ${mib(used)} of ${mib(max)}; the job was not accepted. Raise maxmemory or let the queue drain`,
    );
  }

  /** One look at a time. */
  #look(): void {
    this.#looking ??= this.#read()
      .catch(() => {})
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #read(): Promise<void> {
    this.#lookedAt = performance.now();
    const info = await this.#redis.info('memory');
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const [used, max] = [field('used_memory'), field('maxmemory')];
    this.#full = max > 0 && used > watermark * max ? { used, max } : null;
    this.#allowance = max > 0 ? sharePerLook * (watermark * max - used) : Number.POSITIVE_INFINITY;
  }
}
