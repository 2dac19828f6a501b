import type { OverviewLook, QueueFigures } from '@sluice/producer';

/** One reading of a queue's counters. */
type Sample = { at: number; sent: number; rejected: number };

/** How far back a rate is measured, ms: the window of the policy, so that a slow rate is seen, in these bounds. */
const shortest = 5000;
const longest = 60_000;

/** So many starts that the rate allowed and nobody made say that no worker serves the queue. */
const missed = 3;

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
  /** ms until all that wait now have started, as things go; null: not known (nobody takes them), or nothing waits. */
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
  speed: number | null,
): number | null {
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
    const since = (sample: Sample) => (1000 * (sent - sample.sent)) / (at - sample.at);
    // A permit that was given back is taken off the count.
    const perSecond = apart < leastApart ? null : Math.max(0, since(first));
    const limitPerSecond = limitOf(queue);
    // A queue that was empty a moment ago is as fast as it has been since.
    const recent = samples.find((sample) => at - sample.at <= shortest && at - sample.at >= leastApart);
    const fastest = Math.max(perSecond ?? 0, recent === undefined ? 0 : since(recent));
    const isServed = (apart * (limitPerSecond ?? 0)) / 1000 < missed;
    const speed = fastest > 0 ? fastest : isServed ? limitPerSecond : null;
    return {
      ...queue,
      perSecond,
      limitPerSecond,
      newlyRejected: Math.max(0, rejected - first.rejected),
      backlogMs: backlogOf(queue, at, speed),
    };
  }
}
