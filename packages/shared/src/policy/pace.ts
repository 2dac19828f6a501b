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
 * The gate opens again when the permits that were granted last so much longer, ms: the jobs taken then have their
 * permits in time, although a worker wakes a few ms late, or a busy machine many.
 */
export const gateAheadMs = 100;

/** By how much the gate's window may be shorter than its permits: a share of it, and a maximum in ms. */
export const gateHaste = { share: 0.05, mostMs: 300 };

/**
 * How a rate is kept. Pure.
 *
 * With `T = (per + slack) / limit` the time from one permit to the next, any `limit + 1` starts span at least
 * `per + slack`; with arrivals late by at most `slack`, no sliding window of `per` holds more than `limit`.
 * The share of the rate used is `per / (per + slack)`.
 *
 * The gate is a little faster than that, and the permit script keeps it shut while permits are granted far ahead
 * (`gateAheadMs`). With the very same pace each window would lose what its workers wake too late; a faster one without
 * the brake would fill the concurrency with jobs that wait for their permits.
 */
export function pacingOf(rate: Rate | null): Pacing {
  if (rate === null) return { gate: { max: unlimitedMax, duration: 1000 }, paceUs: 0, unitUs: 0 };
  if (rate.shape === 'burst') return { gate: { max: rate.limit, duration: rate.per }, paceUs: 0, unitUs: 0 };
  const paceUs = Math.ceil(((rate.per + rate.slack) * 1000) / rate.limit);
  const max = Math.max(1, Math.floor((gateWindowMs * 1000) / paceUs));
  return {
    gate: { max, duration: gateDuration((max * paceUs) / 1000) },
    paceUs,
    unitUs: rate.adaptive ? Math.min(60_000, Math.max(1000, rate.per)) * 1000 : 0,
  };
}

/** The gate's window, ms, for permits that last so long. */
function gateDuration(permitsMs: number): number {
  return Math.max(1, Math.ceil(permitsMs - Math.min(gateHaste.share * permitsMs, gateHaste.mostMs)));
}
