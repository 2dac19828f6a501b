import { type Policy, pacingOf } from '@sluice/shared';

/** One queue: its policy, and when its next request may start. Times in epoch ms. */
export class Lane {
  policy: Policy;
  isPaused = false;
  readonly #holds = new Map<string, number>();
  #starts: number[] = [];
  /** When the next start is due at an even pace. */
  #due = 0;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** An upstream asked for quiet: a hold is only ever extended. */
  hold(origin: string, until: number): void {
    this.#holds.set(origin, Math.max(until, this.#holds.get(origin) ?? 0));
  }

  /** The earliest start of a request to an origin. */
  earliest(origin: string, now: number): number {
    const held = this.#holds.get(origin) ?? 0;
    const { rate } = this.policy;
    if (rate === null) return Math.max(now, held);
    const paceMs = pacingOf(rate).paceUs / 1000;
    const span = rate.shape === 'fixed' ? rate.per : rate.per + rate.slack;
    const oldest = this.#starts.at(-rate.limit);
    const windowOpens = oldest === undefined ? now : oldest + span;
    // Idle time saves up to `burst` starts.
    return Math.max(now, held, windowOpens, this.#due - (rate.burst - 1) * paceMs);
  }

  /** A request starts now. */
  started(now: number): void {
    const { rate } = this.policy;
    if (rate === null) return;
    this.#starts.push(now);
    this.#starts = this.#starts.slice(-rate.limit);
    this.#due = Math.max(now, this.#due) + pacingOf(rate).paceUs / 1000;
  }
}
