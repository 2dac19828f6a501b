import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotSvg } from '../../test/lab/measure/plot-svg.ts';
import { worstWindow } from '../../test/lab/measure/window.ts';
import type { ArrivalColumns } from '../../test/lab/upstream/arrivals.ts';

/** What the upstream saw of one run. */
export type Measured = {
  /** Most arrivals in any half-open window of `per`. */
  worst: number;
  /** Share of the limit used in the whole windows after the first one, or after a burst and its silence. */
  used: number;
  /** The longest time without an arrival, ms. */
  silenceMs: number;
  /** Most arrivals in any tenth of `per` over its share, after the first window: 1 is even. */
  evenness: number;
  requests: number;
  refused: number;
  /** From the first arrival to the last, s. */
  seconds: number;
};

/** The longest time without an arrival, and the arrival that ends it. */
function longestGap(times: Float64Array): { ms: number; at: number } {
  let longest = { ms: 0, at: times[0] ?? 0 };
  for (let n = 1; n < times.length; n++) {
    const ms = times[n]! - times[n - 1]!;
    if (ms > longest.ms) longest = { ms, at: times[n]! };
  }
  return longest;
}

/**
 * Judges the arrivals of one run against `limit` per `perMs`.
 * @param afterSilence the windows begin with the first arrival after the longest silence
 */
export function measure(
  columns: ArrivalColumns,
  limit: number,
  perMs: number,
  afterSilence = false,
): Measured {
  const times = Float64Array.from(columns.t).sort();
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? 0;
  const resumed = longestGap(times);
  const from = afterSilence ? resumed.at : first + perMs;
  const windows = Math.floor((last - from) / perMs);
  const warm = times.filter((t) => t >= from && t < from + windows * perMs);
  return {
    worst: worstWindow(times, perMs).count,
    used: windows < 1 ? Number.NaN : warm.length / (windows * limit),
    evenness: worstWindow(warm, perMs / 10).count / Math.max(1, limit / 10),
    silenceMs: resumed.ms,
    requests: times.length,
    refused: columns.refused.reduce((sum, one) => sum + one, 0),
    seconds: (last - first) / 1000,
  };
}

/** Writes the run's plot to bench/results/rate. */
export function savePlot(name: string, columns: ArrivalColumns, limit: number, perMs: number): void {
  const folder = new URL('../results/rate/', import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const svg = plotSvg({ times: columns.t, limit: { limit, perMs }, title: name });
  writeFileSync(join(folder, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}.svg`), svg);
}
