import type { Rate } from './rate.ts';

/** BullMQ's global limit: `max` job starts per `duration` ms. */
export type Gate = { max: number; duration: number };

/** How a queue's rate is kept. */
export type Pacing = {
  gate: Gate;
  /** µs between permits; 0: no pacing. */
  paceUs: number;
  /** The upstream's memory as far as we know, µs: the unit of slowing down and climbing back; 0: not adaptive. */
  unitUs: number;
};

/** BullMQ limits nothing while a job count stays below this; a hold (one more) still works on the queue. */
export const unlimitedMax = Number.MAX_SAFE_INTEGER - 1;

/** The limiter value that no `max` exceeds: it closes the gate for as long as its key lives. */
export const closedGate = Number.MAX_SAFE_INTEGER;

/** The gate's window aims at this length: shorter wakes workers more often, longer lets taken jobs pile up. */
export const gateWindowMs = 250;

/**
 * How a rate is kept. Pure.
 *
 * With `T = (per + slack) / limit` the time from one permit to the next, any `limit + 1` starts span at least
 * `per + slack`; with arrivals late by at most `slack`, no sliding window of `per` holds more than `limit`.
 * The share of the rate used is `per / (per + slack)`.
 *
 * The gate has the same pace, in whole windows: taken jobs then wait for their permit no longer than about one
 * window, instead of filling the concurrency.
 */
export function pacingOf(rate: Rate | null): Pacing {
  if (rate === null) return { gate: { max: unlimitedMax, duration: 1000 }, paceUs: 0, unitUs: 0 };
  if (rate.shape === 'burst') return { gate: { max: rate.limit, duration: rate.per }, paceUs: 0, unitUs: 0 };
  const paceUs = Math.ceil(((rate.per + rate.slack) * 1000) / rate.limit);
  const max = Math.max(1, Math.floor((gateWindowMs * 1000) / paceUs));
  return {
    gate: { max, duration: Math.ceil((max * paceUs) / 1000) },
    paceUs,
    unitUs: rate.adaptive ? Math.min(60_000, Math.max(1000, rate.per)) * 1000 : 0,
  };
}
