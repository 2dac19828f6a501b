/**
 * The most arrivals in any half-open window [t, t + perMs), and where such a window starts.
 * Some window that starts at an arrival always reaches the maximum, so only those are tried.
 * @param times ms, in any order.
 * @returns count 0 and at NaN when there are none.
 */
export function worstWindow(times: ArrayLike<number>, perMs: number): { count: number; at: number } {
  const sorted = ascending(times);
  let worst = { count: 0, at: Number.NaN };
  let end = 0;
  for (const [index, start] of sorted.entries()) {
    while (end < sorted.length && at(sorted, end) - start < perMs) end++;
    if (end - index > worst.count) worst = { count: end - index, at: start };
  }
  return worst;
}

/**
 * How many arrivals the window (t - perMs, t] held at each arrival t, in order of time.
 * Its largest value is `worstWindow`'s count.
 */
export function slidingCounts(times: ArrayLike<number>, perMs: number): Uint32Array {
  const sorted = ascending(times);
  const counts = new Uint32Array(sorted.length);
  let start = 0;
  for (const [index, t] of sorted.entries()) {
    while (t - at(sorted, start) >= perMs) start++;
    counts[index] = index - start + 1;
  }
  return counts;
}

/**
 * The share of the allowed rate that was used: the mean rate from the first to the last arrival over limit / perMs.
 * It means something only if there was always work waiting.
 * @returns NaN for fewer than two arrivals.
 */
export function used(times: ArrayLike<number>, limit: number, perMs: number): number {
  if (times.length < 2) return Number.NaN;
  const sorted = ascending(times);
  const elapsed = at(sorted, sorted.length - 1) - at(sorted, 0);
  return (sorted.length - 1) / elapsed / (limit / perMs);
}

/** Rates over time, one per bucket. */
export interface RateSeries {
  /** Where the first bucket starts: ms on the clock of the times. */
  from: number;
  bucketMs: number;
  /** Requests per second in each bucket. */
  rates: Float64Array;
}

/**
 * The requests per second in each bucket of `bucketMs`, from the first arrival to the last.
 * The last bucket is seldom full. A span that is a multiple of `bucketMs` ends without a false dip, because an arrival
 * exactly at its end counts in its last bucket.
 * @param span other ends, such as the run's own; arrivals outside are left out.
 */
export function ratePerSecond(
  times: ArrayLike<number>,
  bucketMs: number,
  span?: { from: number; to: number },
): RateSeries {
  const sorted = ascending(times);
  const { from, to } = span ?? { from: sorted[0] ?? 0, to: sorted.at(-1) ?? 0 };
  if (sorted.length === 0 && !span) return { from, bucketMs, rates: new Float64Array() };
  const rates = new Float64Array(Math.max(1, Math.ceil((to - from) / bucketMs - 1e-9)));
  for (const t of sorted) {
    if (t < from || t > to) continue;
    const bucket = Math.min(Math.floor((t - from) / bucketMs), rates.length - 1);
    rates[bucket] = at(rates, bucket) + 1000 / bucketMs;
  }
  return { from, bucketMs, rates };
}

/**
 * The percentiles of some values. Each is the smallest value that at least `p` percent do not exceed, so it was
 * measured and is not a mean of two.
 * @param ps 0 to 100.
 * @returns NaN for each when there are no values.
 */
export function percentiles(values: ArrayLike<number>, ps: readonly number[]): number[] {
  const sorted = ascending(values);
  return ps.map((p) => sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN);
}

/** One of `percentiles`. */
export function percentile(values: ArrayLike<number>, p: number): number {
  return percentiles(values, [p])[0] ?? Number.NaN;
}

/** A sorted copy. Arrivals are logged in order, so the sort is a single pass. */
function ascending(values: ArrayLike<number>): Float64Array {
  return new Float64Array(values).sort();
}

// The indices above are always inside the array.
function at(values: Float64Array, index: number): number {
  return values[index] ?? Number.NaN;
}
