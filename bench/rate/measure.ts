import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotSvg } from '../../test/lab/measure/plot-svg.ts';
import { worstWindow } from '../../test/lab/measure/window.ts';
import type { ArrivalColumns } from '../../test/lab/upstream/arrivals.ts';

/** What the upstream saw of one run. */
export type Measured = {
  /** Most arrivals in any half-open window of `per`, after the first second. */
  worst: number;
  /** The same in the first second, when connections are cold. */
  worstCold: number;
  /** Share of the rate used between the first second and the last arrival. */
  used: number;
  requests: number;
  refused: number;
  /** From the first arrival to the last, s. */
  seconds: number;
};

const coldMs = 1000;

/** Judges the arrivals of one run against `limit` per `perMs`. */
export function measure(columns: ArrivalColumns, limit: number, perMs: number): Measured {
  const times = Float64Array.from(columns.t).sort();
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? 0;
  // A window that overlaps the cold second counts as cold.
  const warm = times.filter((t) => t >= first + coldMs);
  const cold = times.filter((t) => t < first + coldMs + perMs);
  const span = last - (warm[0] ?? last);
  return {
    worst: worstWindow(warm, perMs).count,
    worstCold: worstWindow(cold, perMs).count,
    used: span === 0 ? Number.NaN : ((warm.length - 1) / span) * (perMs / limit),
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
