import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askedDelay, backoffDelay } from '../src/pipeline/backoff.ts';
import { policySchema } from '@sluice/shared';

const { retry } = policySchema.parse({});
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the backoff', () => {
  test('is 1, 2, 4, 8, 16 s', () => {
    expect([0, 1, 2, 3, 4].map((retries) => backoffDelay(retry, retries, 0))).toEqual([
      1000, 2000, 4000, 8000, 16_000,
    ]);
  });

  test('is jittered to 50-100 % of that, as the random number says', () => {
    expect(backoffDelay(retry, 2, 0.5)).toBe(3000);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), random, (retries, number) => {
        const full = Math.min(60_000, 1000 * 2 ** retries);
        const delay = backoffDelay(retry, retries, number);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(full / 2);
        expect(delay).toBeLessThanOrEqual(full);
      }),
    );
  });

  test('never exceeds its cap, however many retries there were', () => {
    expect(backoffDelay({ ...retry, cap: 5000 }, 3, 0)).toBe(5000);
    expect(backoffDelay(retry, 10_000, 0)).toBe(60_000);
  });

  test('takes base, factor and jitter from the policy', () => {
    const other = { ...retry, base: 10, factor: 3, jitter: 0 };
    expect([0, 1, 2].map((retries) => backoffDelay(other, retries, 0.9))).toEqual([10, 30, 90]);
    expect(backoffDelay({ ...other, base: 0 }, 5, 0.5)).toBe(0);
    expect(backoffDelay({ ...retry, jitter: 1 }, 0, 0.999)).toBe(1);
  });
});

describe('a delay that the upstream asked for', () => {
  test('is never shorter than asked, and at most 10 % longer: between 100 ms and 5 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400_000 }), random, (asked, number) => {
        const delay = askedDelay(asked, number);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(asked);
        expect(delay - asked).toBeLessThanOrEqual(Math.min(5000, Math.max(100, asked / 10)) + 1);
      }),
    );
  });

  test('is spread, so that requests that were rejected together do not come back together', () => {
    expect([0, 0.5, 0.999].map((number) => askedDelay(10_000, number))).toEqual([10_000, 10_500, 10_999]);
  });
});
