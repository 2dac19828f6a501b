import { describe, expect, test } from 'vitest';
import { quantile, spreadOf, spreadText, verdictOf } from './ratio.ts';

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

test('a quantile lies between two values where it falls between them', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([5, 1, 3], 0.5)).toBe(3);
  expect(quantile(upTo(5), 0.25)).toBe(2);
  expect(quantile([7], 0.25)).toBe(7);
});

describe('the interval of the median', () => {
  // The ranks of the sign test at 95 %, as in every table of it.
  test.each([
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [12, 3],
    [15, 4],
    [20, 6],
    [25, 8],
    [50, 18],
  ])('of %i rounds reaches from the %i-th smallest to the %2$i-th largest', (n, rank) => {
    expect(spreadOf(upTo(n)).interval).toEqual([rank, n - rank + 1]);
  });

  test('of fewer than six rounds is endless: nothing is decided', () => {
    const spread = spreadOf([3, 3, 3, 3, 3]);
    expect(spread.interval).toEqual([-Infinity, Infinity]);
    expect(verdictOf(spread, 1)).toBe('open');
    expect(spreadText(spread)).toBe('3.00 [?, ?], q25 3.00');
  });

  test('holds the true median in at least 95 of 100 runs', () => {
    let seed = 1;
    // Park and Miller's generator: the same numbers each time.
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    // Far from symmetric, as times are. Its median is ln 2.
    const runs = 2000;
    let held = 0;
    for (let run = 0; run < runs; run++) {
      const [low, high] = spreadOf(Array.from({ length: 12 }, () => -Math.log(random()))).interval;
      if (low <= Math.LN2 && Math.LN2 <= high) held += 1;
    }
    expect(held / runs).toBeGreaterThan(0.95);
  });
});

test('there is a verdict only when the interval excludes the aim', () => {
  const spread = spreadOf(upTo(10)); // 2 to 9
  expect(verdictOf(spread, 2)).toBe('met');
  expect(verdictOf(spread, 2.1)).toBe('open');
  expect(verdictOf(spread, 9)).toBe('open');
  expect(verdictOf(spread, 9.1)).toBe('missed');
});

test('without a round there is nothing to say', () => {
  expect(() => spreadOf([])).toThrow(RangeError);
});
