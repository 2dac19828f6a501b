import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import type { PutOffCause } from '../job/verdict.ts';
import { type Keys, encodeMessage, holdScript, putOffScript } from '@sluice/shared';

/**
 * Holds: "no request to this origin before time t". Kept in Redis, where the permit script reads them; here is only
 * what was published, so that a permit that is slept on is dropped when its origin becomes held.
 */
export class Holds {
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #hold: BoundTo<typeof holdScript>;
  readonly #putOff: BoundTo<typeof putOffScript>;
  /** `queue/origin` -> until, on this process' monotonic clock. */
  readonly #known = new Map<string, number>();
  readonly #listeners = new Set<(key: string) => void>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#hold = bindScript(redis, keys, holdScript);
    this.#putOff = bindScript(redis, keys, putOffScript);
  }

  /**
   * Tells the fleet that the upstream asks for quiet: extends the hold of the origin, never shortens it.
   * @param ms how long the upstream asked for; 0: it did not say
   * @param rejectedAfterMs time since the rejected request was sent, which counts as a rejection and lowers the effective
   *   rate; null: the request itself was served
   * @returns ms that the origin is now held for
   */
  async extend(queue: string, origin: string, ms: number, rejectedAfterMs: number | null): Promise<number> {
    return await this.#hold([queue], {
      origin,
      askedMs: ms,
      channel: this.#keys.events,
      message: encodeMessage({ type: 'hold', queue, origin, ms }),
      rejectedAgeMs: rejectedAfterMs === null ? -1 : Math.ceil(rejectedAfterMs),
    });
  }

  /**
   * Notes that a job must wait because the upstream asked for it. To be called before the job is delayed.
   * @returns false: what it was to wait for was lifted, and it need not wait
   */
  async putOff(queue: string, id: string, ms: number, cause: PutOffCause): Promise<boolean> {
    const origin = cause.type === 'held' ? cause.origin : '';
    return await this.#putOff([queue], { id, ms: Math.ceil(ms), cause: cause.type, origin });
  }

  /** To be called when the job is delayed. False: its hold was lifted meanwhile, by somebody who could not wake it yet. */
  async isPutOff(queue: string, id: string): Promise<boolean> {
    return (await this.#redis.zscore(this.#keys.putOff(queue), id)) !== null;
  }

  /** A hold was published. */
  heard(queue: string, origin: string, ms: number): void {
    const key = `${queue}/${origin}`;
    const now = performance.now();
    for (const [other, until] of this.#known) if (until < now) this.#known.delete(other);
    this.#known.set(key, Math.max(this.#known.get(key) ?? 0, now + ms));
    for (const listener of this.#listeners) listener(key);
  }

  /** The holds of a queue were lifted. */
  released(queue: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${queue}/`)) this.#known.delete(key);
  }

  /** ms that the origin is held for, as far as this process was told; 0: it is not. */
  heldFor(queue: string, origin: string): number {
    return Math.max(0, (this.#known.get(`${queue}/${origin}`) ?? 0) - performance.now());
  }

  /** The same, asked of Redis: true also when the message was lost. Both times are of Redis' clock. */
  async readHeldFor(queue: string, origin: string): Promise<number> {
    const [until, time] = await Promise.all([
      this.#redis.zscore(this.#keys.holds(queue), origin),
      this.#redis.time(),
    ]);
    if (until === null) return 0;
    return Math.max(0, Number(until) - (Number(time[0]) * 1000 + Number(time[1]) / 1000));
  }

  /** Calls back when the origin becomes held; returns the unsubscribe. */
  onHold(queue: string, origin: string, callback: () => void): () => void {
    const listener = (key: string) => {
      if (key === `${queue}/${origin}`) callback();
    };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
