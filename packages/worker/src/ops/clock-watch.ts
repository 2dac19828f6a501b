import { metrics } from '@opentelemetry/api';
import type { Redis } from 'ioredis';
import { type Logger, SluiceError } from '@sluice/shared';

const everyMs = 30_000;

/**
 * Watches how far this process' clock is from Redis'. Delays and deadlines are set by one worker's clock and obeyed by
 * another's; what the upstream asked for is kept by Redis' clock alone.
 */
export class ClockWatch {
  readonly #redis: Redis;
  readonly #limitMs: number;
  readonly #log: Logger;
  #skewMs = 0;
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

  /** Why the process should take no jobs; null: the clocks agree. */
  get fault(): string | null {
    if (Math.abs(this.#skewMs) <= this.#limitMs) return null;
    const by = `${Math.round(Math.abs(this.#skewMs))} ms ${this.#skewMs > 0 ? 'ahead of' : 'behind'}`;
    return `the clock is ${by} Redis' (at most ${this.#limitMs} ms are allowed); let both keep time by NTP`;
  }

  /** Measures at once, then every 30 s. @throws SluiceError SLUICE_CLOCK_SKEW */
  async start(): Promise<void> {
    await this.#measure();
    if (this.fault !== null) throw new SluiceError('SLUICE_CLOCK_SKEW', this.fault);
    this.#timer = setInterval(() => {
      this.#measure().then(
        () => this.fault !== null && this.#log.error(this.fault),
        (error: unknown) => this.#log.debug({ err: error }, 'cannot measure the clock'),
      );
    }, everyMs);
    this.#timer.unref();
  }

  /** The best of three: a slow answer says little. */
  async #measure(): Promise<void> {
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 3; tries++) {
      const before = Date.now();
      const [seconds, micros] = await this.#redis.time();
      const after = Date.now();
      if (after - before >= best) continue;
      best = after - before;
      this.#skewMs = (before + after) / 2 - (Number(seconds) * 1000 + Number(micros) / 1000);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
