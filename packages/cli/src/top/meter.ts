import type { OverviewLook, QueueFigures } from '@sluice/producer';

/** One reading of a queue's counters. */
type Sample = { at: number; sent: number; rejected: number };

/** How far back a rate is measured, ms: the window of the policy, so that a slow rate is seen, in these bounds. */
const shortest = 5000;
const longest = 60_000;

/** Two readings this close say nothing of a rate, ms. */
const leastApart = 300;

/** A failed job, and of which queue. */
export type Failure = QueueFigures['failures'][number] & { queue: string };

/** A queue with what follows from the growth of its counters. */
export type Row = QueueFigures & {
  /** Requests sent per second; null: not known yet. */
  perSecond: number | null;
  /** Requests per second that the rate in force allows; null: there is no rate. */
  limitPerSecond: number | null;
  /** Requests that the upstream rejected while it was measured. */
  newlyRejected: number;
  /** ms until all that wait now have started, as things go; null: not known, or nothing waits. */
  backlogMs: number | null;
};

/** The state of a screen: every queue, and the newest failures of all. */
export type Readings = { at: number; rows: Row[]; failures: Failure[] };

/** Failures that are kept to be shown. */
const failuresKept = 20;

function limitOf({ policy, slowedPaceUs }: QueueFigures): number | null {
  if (policy?.rate == null) return null;
  return slowedPaceUs === null ? (1000 * policy.rate.limit) / policy.rate.per : 1_000_000 / slowedPaceUs;
}

function backlogOf(
  { waiting, isPaused, holds, policy }: QueueFigures,
  at: number,
  perSecond: number | null,
  limit: number | null,
): number | null {
  const speed = perSecond !== null && perSecond > 0 ? perSecond : limit;
  if (waiting === 0 || isPaused || speed === null || speed <= 0) return null;
  const held = holds.find(({ origin }) => origin === policy?.origin);
  return (1000 * waiting) / speed + Math.max(0, (held?.until ?? 0) - at);
}

/** Turns looks, one after another, into rates. */
export class Meter {
  readonly #samples = new Map<string, Sample[]>();
  #failures: Failure[] = [];

  /** @param look the next one, in time */
  read({ at, queues }: OverviewLook): Readings {
    const there = new Set(queues.map(({ name }) => name));
    for (const name of this.#samples.keys()) if (!there.has(name)) this.#samples.delete(name);
    const rows = queues.map((queue) => this.#row(queue, at));
    const fresh = queues.flatMap(({ name, failures }) =>
      failures.map((failure) => ({ ...failure, queue: name })),
    );
    // A look has failures of the one before again.
    const each = new Map(
      [...this.#failures, ...fresh].map((one) => [`${one.queue}/${one.id}/${one.at}`, one]),
    );
    this.#failures = [...each.values()].toSorted((a, b) => b.at - a.at).slice(0, failuresKept);
    return { at, rows, failures: this.#failures };
  }

  #row(queue: QueueFigures, at: number): Row {
    const { name, sent, rejected, policy } = queue;
    const window = Math.min(longest, Math.max(shortest, policy?.rate?.per ?? 0));
    let samples = this.#samples.get(name) ?? [];
    // The queue was removed, and created again; or Redis' clock was set back.
    const last = samples.at(-1);
    if (last !== undefined && (last.sent > sent + queue.active + 1000 || last.at > at)) samples = [];
    samples = [...samples.filter((sample) => sample.at >= at - window), { at, sent, rejected }];
    this.#samples.set(name, samples);
    const [first] = samples as [Sample];
    const apart = at - first.at;
    // A permit that was given back is taken off the count.
    const perSecond = apart < leastApart ? null : Math.max(0, (1000 * (sent - first.sent)) / apart);
    const limitPerSecond = limitOf(queue);
    return {
      ...queue,
      perSecond,
      limitPerSecond,
      newlyRejected: Math.max(0, rejected - first.rejected),
      backlogMs: backlogOf(queue, at, perSecond, limitPerSecond),
    };
  }
}
