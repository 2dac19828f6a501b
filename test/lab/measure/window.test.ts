import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gapRates } from './gap-rates.ts';
import { percentile, percentiles, ratePerSecond, slidingCounts, used, worstWindow } from './window.ts';

// Whole ms, so that sums and differences are exact, and a brute force must agree on every arrival.
const someTimes = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 });
const somePer = fc.integer({ min: 1, max: 120 });

const inWindow = (times: number[], from: number, perMs: number): number =>
  times.filter((t) => t >= from && t < from + perMs).length;

describe('worstWindow', () => {
  test('agrees with trying every start, on and between the arrivals', () => {
    fc.assert(
      fc.property(someTimes, somePer, (times, perMs) => {
        let most = 0;
        for (let from = -130; from <= 401; from += 0.5) most = Math.max(most, inWindow(times, from, perMs));
        const worst = worstWindow(times, perMs);
        expect(worst.count).toBe(most);
        if (most > 0) expect(inWindow(times, worst.at, perMs)).toBe(most);
      }),
    );
  });

  test('does not count an arrival exactly one window later', () => {
    expect(worstWindow([0, 1000], 1000)).toEqual({ count: 1, at: 0 });
    expect(worstWindow([0, 999.999], 1000)).toEqual({ count: 2, at: 0 });
  });

  test('sees the two bursts at the edge of a fixed window as one', () => {
    const [late, early] = [900, 1000].map((at) => Array.from({ length: 100 }, (_, n) => at + n));
    expect(worstWindow([...(late ?? []), ...(early ?? [])], 1000).count).toBe(200);
  });

  test('takes a million arrivals', () => {
    const times = Float64Array.from({ length: 1_000_000 }, (_, n) => n * 0.5);
    expect(worstWindow(times, 1000).count).toBe(2000);
  });

  test('returns 0 and NaN without arrivals', () => {
    expect(worstWindow([], 1000)).toEqual({ count: 0, at: Number.NaN });
  });
});

test('slidingCounts holds for each arrival what the window ending there held, and its largest is the worst', () => {
  fc.assert(
    fc.property(someTimes, somePer, (times, perMs) => {
      const sorted = [...times].sort((a, b) => a - b);
      const counts = slidingCounts(times, perMs);
      sorted.forEach((t, n) => {
        expect(counts[n]).toBe(sorted.slice(0, n + 1).filter((other) => other > t - perMs).length);
      });
      expect(Math.max(0, ...counts)).toBe(worstWindow(times, perMs).count);
    }),
  );
});

describe('used', () => {
  test('is one for arrivals exactly at the rate, wherever the edges fall', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.integer({ min: 1, max: 50 }), (n, limit) => {
        const times = Array.from({ length: n }, (_, k) => 7 + (k * 1000) / limit);
        expect(used(times, limit, 1000)).toBeCloseTo(1, 9);
      }),
    );
  });

  test('is the share of the rate when slower', () => {
    expect(used([0, 20, 40, 60], 100, 1000)).toBeCloseTo(0.5);
  });

  test('is not a number for less than two arrivals', () => {
    expect(used([5], 100, 1000)).toBeNaN();
  });
});

describe('ratePerSecond', () => {
  test('loses no arrival and invents none', () => {
    fc.assert(
      fc.property(someTimes, somePer, (times, bucketMs) => {
        const { rates } = ratePerSecond(times, bucketMs);
        const counted = rates.reduce((sum, rate) => sum + (rate * bucketMs) / 1000, 0);
        expect(counted).toBeCloseTo(times.length, 6);
      }),
    );
  });

  test('puts an arrival into the bucket it fell in, and one on the very end into the last', () => {
    expect(ratePerSecond([100, 150, 349, 350, 600], 250)).toEqual({
      from: 100,
      bucketMs: 250,
      rates: Float64Array.of(12, 8),
    });
  });

  test('shows a given span, and leaves out what lies outside it', () => {
    const series = ratePerSecond([5, 15, 95], 10, { from: 0, to: 40 });
    expect([...series.rates]).toEqual([100, 100, 0, 0]);
  });
});

describe('gapRates', () => {
  test('keeps the number of gaps, however they fall into the buckets', () => {
    fc.assert(
      fc.property(someTimes, fc.integer({ min: 1, max: 50 }), (times, buckets) => {
        const sorted = Float64Array.from(times).sort();
        const spanMs = (sorted.at(-1) ?? 0) - (sorted[0] ?? 0);
        const sum = gapRates(sorted, buckets).reduce((total, rate) => total + rate, 0);
        expect((sum * spanMs) / buckets / 1000).toBeCloseTo(spanMs > 0 ? times.length - 1 : 0, 6);
      }),
    );
  });

  test('shows an even stream as even', () => {
    const even = Float64Array.from({ length: 100 }, (_, n) => n * 50);
    for (const rate of gapRates(even, 17)) expect(rate).toBeCloseTo(20, 6);
  });
});

describe('percentiles', () => {
  test('are the smallest values that at least p percent do not exceed', () => {
    const values = fc.array(fc.integer(), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 100 }), (values, p) => {
        const enough = (value: number): boolean =>
          values.filter((other) => other <= value).length * 100 >= p * values.length;
        expect(percentile(values, p)).toBe(Math.min(...values.filter(enough)));
      }),
    );
  });

  test('come in the order they were asked for', () => {
    expect(percentiles([4, 1, 3, 2], [100, 50, 0])).toEqual([4, 2, 1]);
    expect(percentiles([], [50])).toEqual([Number.NaN]);
  });
});
