import type { Rate } from './rate.ts';

/** BullMQ's global limit: `max` job starts per `duration` ms. */
export type Gate = { max: number; duration: number };

/** How a queue's rate is kept. */
export type Pacing = {
  gate: Gate;
  /** µs between permits; 0: no pacing. */
  paceUs: number;
  /** Starts in any `spanUs`; 0: no pacing. */
  limit: number;
  /** The window and its slack, µs. */
  spanUs: number;
  /** What the log of starts counts together, µs; 0: every start by itself. */
  cellUs: number;
  /** Starts that idle time may earn, the one that is due included. */
  burst: number;
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
export const gateHaste = { share: 0.5, mostMs: 300 };

/** The log of starts has about so many entries at most, whatever the limit. */
export const logCells = 512;

/** How many times the pace starts may follow each other while late ones are made up for. */
export const catchUpSpeed = 1.3;

/**
 * A start that idle time has earned may be used for so much longer: a share of the window, and a maximum in ms. A worker
 * sends a whole burst in one turn of its loop, and all but the first would be too old. The window pays for it once.
 */
export const burstPermit = { share: 1 / 20, mostMs: 50 };

/**
 * How a rate is kept. Pure.
 *
 * Fewer than `limit` starts lie in the `per + slack` before each start: the log of starts sees to that. With arrivals
 * late by at most `slack`, no sliding window of `per` then holds more than `limit`. A backlog starts every
 * `T = (per + slack) / limit`, so the share of the rate used is `per / (per + slack)`. Above 512 starts a window the log
 * counts cells: a start counts until its cell's end, which costs 0.2 % of the rate.
 *
 * The gate is up to twice as fast, so that starts that were missed can be made up for, and the permit script keeps it
 * shut while permits are granted far ahead (`gateAheadMs`): jobs do not pile up in the workers.
 */
export function pacingOf(rate: Rate | null): Pacing {
  const none = { paceUs: 0, limit: 0, spanUs: 0, cellUs: 0, burst: 1, unitUs: 0 };
  if (rate === null) return { ...none, gate: { max: unlimitedMax, duration: 1000 } };
  const { limit, per, burst } = rate;
  if (rate.shape === 'fixed') return { ...none, gate: { max: limit, duration: per } };
  const spanUs = (per + rate.slack) * 1000;
  const cellUs = limit <= logCells ? 0 : Math.ceil(spanUs / logCells);
  const paceUs = Math.ceil((spanUs + cellUs) / limit);
  const max = Math.max(1, Math.floor((gateWindowMs * 1000) / paceUs));
  return {
    gate: { max, duration: gateDuration((max * paceUs) / 1000) },
    paceUs,
    limit,
    spanUs,
    cellUs,
    burst,
    unitUs: rate.adaptive ? Math.min(60_000, Math.max(1000, per)) * 1000 : 0,
  };
}

/** The gate's window, ms, for permits that last so long. */
function gateDuration(permitsMs: number): number {
  return Math.max(1, Math.ceil(permitsMs - Math.min(gateHaste.share * permitsMs, gateHaste.mostMs)));
}
