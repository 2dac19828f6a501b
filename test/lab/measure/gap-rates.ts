/**
 * The rate in each of `buckets` equal parts of the time from the first arrival to the last, in requests per second.
 * A request is spread over the gap before it, not counted where it fell, so that an even stream looks even. If requests
 * were counted, buckets of ten arrivals would hold nine, ten or eleven, as if the rate went up and down by a tenth.
 * @param times ms, ascending.
 * @returns an empty array when there are fewer than two arrivals, or no time between them.
 */
export function gapRates(times: Float64Array, buckets: number): Float64Array {
  const from = times[0] ?? 0;
  const bucketMs = ((times.at(-1) ?? 0) - from) / buckets;
  if (!(bucketMs > 0)) return new Float64Array();
  const rates = new Float64Array(buckets);
  const perSecond = 1000 / bucketMs;
  const bucketOf = (t: number): number => Math.min(buckets - 1, Math.floor((t - from) / bucketMs));
  let start = from;
  for (const end of times.subarray(1)) {
    const last = bucketOf(end);
    for (let bucket = bucketOf(start); bucket <= last; bucket++) {
      const left = Math.max(start, from + bucket * bucketMs);
      const right = bucket === last ? end : from + (bucket + 1) * bucketMs;
      const share = end > start ? (right - left) / (end - start) : 1;
      rates[bucket] = (rates[bucket] ?? 0) + share * perSecond;
    }
    start = end;
  }
  return rates;
}
