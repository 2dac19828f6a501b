import { type RecordableHistogram, createHistogram } from 'node:perf_hooks';
import type { Policy } from '@sluice/shared';
import type { Logger } from '../logger.ts';

const everyMs = 10_000;
/** Fewer say nothing about a 99th percentile. */
const enough = 100;

type Watched = { readonly name: string; readonly policy: Policy };

/** Watches how late requests leave after their permit, and warns when the slack of a rate does not cover it. */
export class PermitWatch {
  readonly #log: Logger;
  readonly #ages = new Map<Watched, RecordableHistogram>();
  readonly #timer: NodeJS.Timeout;

  constructor(log: Logger) {
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#timer.unref();
  }

  /** @param queue the same object each time; its policy may change */
  observe(queue: Watched, ageMs: number): void {
    let ages = this.#ages.get(queue);
    if (ages === undefined) this.#ages.set(queue, (ages = createHistogram({ figures: 2 })));
    // Whole µs, at least 1: the histogram holds nothing else.
    ages.record(Math.max(1, Math.round(ageMs * 1000)));
  }

  #look(): void {
    for (const [queue, ages] of this.#ages) {
      // A histogram takes 26 KB, so idle and removed queues keep none.
      if (ages.count === 0) this.#ages.delete(queue);
      const slackMs = queue.policy.rate?.slack ?? null;
      const p99 = ages.percentile(99) / 1000;
      if (slackMs !== null && ages.count >= enough && p99 > slackMs) {
        this.#log.warn(
          { queue: queue.name, p99Ms: p99, slackMs },
          'requests leave later after their permit than the slack allows for; raise rate.slack, or give the worker more CPU',
        );
      }
      ages.reset();
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
