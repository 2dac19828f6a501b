import type { Sluice } from '@sluice/producer';
import type { Tally } from '../tally.ts';
import { Meter, type Progress } from './meter.ts';

const everyMs = 500;

/** If nothing at all has happened this long after the start, we warn, ms. */
const silenceMs = 10_000;

/** What is watched. */
export type Watched = {
  sluice: Sluice;
  queue: string;
  total: number;
  tally: Tally;
  /** The queue's counters when the run began. */
  before: { sent: number; rejected: number };
};

/**
 * Looks at a run twice a second and reports where it stands. Warns once when no worker seems to be there, and when
 * Redis stops answering. Stops when it is disposed of.
 */
export function watch(
  { sluice, queue, total, tally, before }: Watched,
  hooks: { progress: (progress: Progress) => void; warn: (text: string) => void },
): Disposable {
  const meter = new Meter();
  const began = performance.now();
  let sign = false;
  let warned = false;
  let asked: number | undefined;

  const look = async () => {
    const { sent, rejected } = await sluice.queues.stats(queue);
    const now = performance.now();
    const ended = tally.completed + tally.failed;
    const requests = sent - before.sent;
    meter.sample(now, requests, ended);
    sign ||= ended > 0 || requests > 0;
    if (!sign && !warned && now - began > silenceMs) {
      warned = true;
      hooks.warn(
        `nothing has happened for ${silenceMs / 1000} s: no worker seems to serve queue "${queue}", or another run fills it`,
      );
    }
    hooks.progress({
      total,
      completed: tally.completed,
      failed: tally.failed,
      requestsPerSecond: meter.requestsPerSecond(),
      rateLimited: rejected - before.rejected,
      secondsLeft: meter.secondsLeft(total - ended),
    });
  };

  const tick = () => {
    if (asked !== undefined) {
      if (performance.now() - asked < silenceMs) return;
      hooks.warn('Redis does not answer; the run goes on when it does');
      asked = Number.POSITIVE_INFINITY;
      return;
    }
    asked = performance.now();
    // The next look may succeed.
    look()
      .catch(() => {})
      .finally(() => (asked = undefined));
  };
  const timer = setInterval(tick, everyMs);
  tick();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
