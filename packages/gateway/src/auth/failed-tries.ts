/** Failed tries that an address may make with one key id in a minute. */
const most = 10;

const windowMs = 60_000;

/** Pairs of address and key id that are remembered; when there are more, the oldest are forgotten. */
const mostPairs = 10_000;

/** Counts failed tries, so that nobody can try many. Of one process: each replica counts its own. */
export class FailedTries {
  readonly #pairs = new Map<string, { since: number; count: number }>();
  readonly #now: () => number;

  /** @param now ms of a clock that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether this pair has failed too often, and has to wait: ms; 0: it has not. */
  waitMs(address: string, id: string): number {
    const pair = this.#pairs.get(`${address} ${id}`);
    if (pair === undefined || pair.count < most) return 0;
    return Math.max(0, pair.since + windowMs - this.#now());
  }

  failed(address: string, id: string): void {
    const name = `${address} ${id}`;
    const now = this.#now();
    const pair = this.#pairs.get(name);
    if (pair !== undefined && now - pair.since < windowMs) {
      pair.count += 1;
      return;
    }
    // Moves it to the end: the order is by the begin of the window.
    this.#pairs.delete(name);
    this.#pairs.set(name, { since: now, count: 1 });
    const [oldest] = this.#pairs.keys();
    if (this.#pairs.size > mostPairs && oldest !== undefined) this.#pairs.delete(oldest);
  }
}
