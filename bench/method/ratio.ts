/** What the ratios of many rounds say. */
export type Spread = {
  /** A quarter of the rounds lies below. */
  q25: number;
  median: number;
  /** The true median lies between these with a certainty of at least 95 %; of fewer than six rounds nothing is certain. */
  interval: readonly [low: number, high: number];
  rounds: number;
};

/** `open`: the interval does not exclude the aim, nor that it is missed. More rounds, or a quieter machine, decide. */
export type Verdict = 'met' | 'missed' | 'open';

/** The value below which this share of the values lies, between two of them where it falls between. Pure. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  const above = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return sorted[low]! + (above - sorted[low]!) * (at - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * The interval is that of the sign test: the k-th smallest and the k-th largest value, where fewer than k of n fair
 * coins show heads with a chance of at most 2.5 %. It assumes nothing of how the rounds are distributed but that they do
 * not depend on each other, and needs no random numbers. Pure.
 * @throws RangeError without a value
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no round was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const rounds = sorted.length;
  const k = signRank(rounds);
  const interval =
    k === 0 ? ([-Infinity, Infinity] as const) : ([sorted[k - 1]!, sorted[rounds - k]!] as const);
  return { q25: quantile(values, 0.25), median: median(values), interval, rounds };
}

/** The largest k with P(fewer than k of n coins) <= 2.5 %. */
function signRank(n: number): number {
  let chance = 0.5 ** n; // of exactly `heads` heads
  let below = 0;
  for (let heads = 0; heads < n; heads++) {
    below += chance;
    if (below > 0.025) return heads;
    chance *= (n - heads) / (heads + 1);
  }
  return n;
}

/** Whether a ratio is at least what it should be. Pure. */
export function verdictOf({ interval: [low, high] }: Spread, aim: number): Verdict {
  if (low >= aim) return 'met';
  return high < aim ? 'missed' : 'open';
}

/** `1.82 [1.75, 1.90]`; `q25 1.78` before it where asked for. */
export function spreadText({ q25, median: middle, interval: [low, high] }: Spread): string {
  const two = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : '?');
  return `${two(middle)} [${two(low)}, ${two(high)}], q25 ${two(q25)}`;
}
