import type { Rate } from './rate.ts';

/** BullMQ's global limit: `max` job starts per `duration` ms. */
export type Gate = { max: number; duration: number };

/** How a queue's rate is kept: the gate that lets jobs be taken, the pace (µs between permits; 0 = no pacing). */
export type Pacing = { gate: Gate; paceUs: number };

/** BullMQ limits nothing while a job count stays below this; a hold (one more) still works on the queue. */
export const unlimitedMax = Number.MAX_SAFE_INTEGER - 1;

/** The limiter value that no `max` exceeds: it closes the gate for as long as its key lives. */
export const closedGate = Number.MAX_SAFE_INTEGER;

/** The gate's window aims at this length: shorter wakes workers more often, longer lets taken jobs pile up. */
const gateWindowMs = 250;

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
  if (rate === null) return { gate: { max: unlimitedMax, duration: 1000 }, paceUs: 0 };
  if (rate.shape === 'burst') return { gate: { max: rate.limit, duration: rate.per }, paceUs: 0 };
  const stepMs = (rate.per + rate.slack) / rate.limit;
  const max = Math.max(1, Math.floor(gateWindowMs / stepMs));
  return { gate: { max, duration: Math.ceil(max * stepMs) }, paceUs: Math.ceil(stepMs * 1000) };
}
