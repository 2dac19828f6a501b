import { metrics } from '@opentelemetry/api';
import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { SluiceError } from '@sluice/shared';

const everyMs = 30_000;

/** A clock that was set is noticed within this, without asking Redis. */
const lookMs = 1000;

/** Between two looks, slewing moves the wall clock by less, ms; more means that it was set, or the machine slept. */
const jumpMs = 100;

/**
 * Watches how far this process' clock is from Redis'. BullMQ promotes a delayed job by one worker's clock, at a time
 * written by another's. Waits that the upstream asked for, and deadlines, are judged by Redis' clock alone.
 */
export class ClockWatch {
  readonly #redis: Redis;
  readonly #limitMs: number;
  readonly #log: Logger;
  #changed: (fault: string | null) => void = () => {};
  #skewMs = 0;
  /** The skew is known to within this. */
  #errorMs = 0;
  /** Redis' clock minus the monotonic one of this process. */
  #redisMinusMonotonic = performance.timeOrigin;
  /** The wall clock minus the monotonic one when the skew was measured. */
  #wallMinusMonotonic = 0;
  #measuredAt = 0;
  #measuring = false;
  #known: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis, limitMs: number, log: Logger) {
    this.#redis = redis;
    this.#limitMs = limitMs;
    this.#log = log;
    metrics
      .getMeter('sluice-worker')
      .createObservableGauge('sluice.clock.skew', {
        unit: 'ms',
        description: "This process' clock minus Redis'",
      })
      .addCallback((result) => result.observe(this.#skewMs));
  }

  /** Why the process takes no jobs; null: the clocks agree. */
  get fault(): string | null {
    if (Math.abs(this.#skewMs) - this.#errorMs <= this.#limitMs) return null;
    const by = `${Math.round(Math.abs(this.#skewMs))} ms ${this.#skewMs > 0 ? 'ahead of' : 'behind'}`;
    return `the clock is ${by} Redis' (at most ${this.#limitMs} ms are allowed); synchronize both by NTP`;
  }

  /** Redis' time, epoch ms. Setting this machine's clock does not change it. */
  now(): number {
    return Math.round(performance.now() + this.#redisMinusMonotonic);
  }

  /**
   * Measures at once, then every 30 s, and whenever the clock was set.
   * @param changed called when the clock goes wrong later, with the reason, and with null when it is right again
   * @throws SluiceError SLUICE_CLOCK_SKEW when it is wrong now
   */
  async start(changed: (fault: string | null) => void): Promise<void> {
    await this.#measure();
    if (this.fault !== null) throw new SluiceError('SLUICE_CLOCK_SKEW', this.fault);
    this.#changed = changed;
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const isDue = performance.now() - this.#measuredAt >= everyMs;
    const wasSet = Math.abs(wallMinusMonotonic() - this.#wallMinusMonotonic) > jumpMs;
    // One at a time: while Redis is away, a measurement waits for it.
    if (this.#measuring || !(isDue || wasSet)) return;
    this.#measuring = true;
    this.#measure()
      .catch((error: unknown) => this.#log.debug({ err: error }, 'cannot measure the clock'))
      .finally(() => (this.#measuring = false));
  }

  /** Asks three times and keeps the fastest answer: the slower the answer, the less precise the skew. */
  async #measure(): Promise<void> {
    this.#wallMinusMonotonic = wallMinusMonotonic();
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 3; tries++) {
      const before = performance.now();
      const [seconds, micros] = await this.#redis.time();
      const after = performance.now();
      if (after - before >= best) continue;
      best = after - before;
      const redis = Number(seconds) * 1000 + Number(micros) / 1000;
      this.#errorMs = best / 2;
      this.#redisMinusMonotonic = redis - (before + after) / 2;
      this.#skewMs = this.#wallMinusMonotonic - this.#redisMinusMonotonic;
    }
    this.#measuredAt = performance.now();
    const { fault } = this;
    if ((fault === null) !== (this.#known === null)) this.#changed(fault);
    this.#known = fault;
  }
}

function wallMinusMonotonic(): number {
  return Date.now() - performance.now();
}
