import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Rate, closedGate, pacingOf, rateSchema, unlimitedMax } from '../src/index.ts';

const smooth = (limit: number, per: number, slack: number): Rate => ({
  limit,
  per,
  slack,
  burst: limit,
  shape: 'smooth',
  adaptive: true,
});

const day = 86_400_000;
const anyRate = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000_000 })),
    fc.oneof(fc.constantFrom(100, 1000, 10_000, 60_000, 3_600_000), fc.integer({ min: 100, max: 31 * day })),
    fc.integer({ min: 0, max: 60_000 }),
  )
  .map(([limit, per, slack]) => smooth(limit, per, slack));

describe('the pace of a smooth rate', () => {
  test('lets any limit + 1 starts span at least the window and its slack', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { paceUs } = pacingOf(rate);
        expect(Number.isSafeInteger(paceUs)).toBe(true);
        expect(rate.limit * paceUs).toBeGreaterThanOrEqual((rate.per + rate.slack) * 1000);
      }),
    );
  });

  test('is not a microsecond longer than that and the cells of the log take', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { paceUs, cellUs, spanUs } = pacingOf(rate);
        expect(spanUs).toBe((rate.per + rate.slack) * 1000);
        expect(rate.limit * (paceUs - 1)).toBeLessThan(spanUs + cellUs);
      }),
    );
  });

  test('has cells only where the limit is large, and about 512 of them', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { cellUs, spanUs } = pacingOf(rate);
        if (rate.limit <= 512) expect(cellUs).toBe(0);
        else expect(Math.ceil(spanUs / cellUs)).toBeLessThanOrEqual(512);
      }),
    );
  });

  test('uses per / (per + slack) of a sensible rate, within a percent', () => {
    const sensible = anyRate.filter(({ limit, per, slack }) => limit / per <= 5 && slack <= per);
    fc.assert(
      fc.property(sensible, ({ limit, per, slack }) => {
        const { paceUs, gate } = pacingOf(smooth(limit, per, slack));
        const share = per / (per + slack);
        const slowest = Math.max(paceUs, (gate.duration * 1000) / gate.max);
        const used = (per * 1000) / slowest / limit;
        expect(used).toBeLessThanOrEqual(share * 1.000_001);
        expect(used).toBeGreaterThan(share * 0.99);
      }),
    );
  });
});

describe('the gate of a smooth rate', () => {
  test('is shorter than its permits by half, 300 ms at most: the permit script holds it back', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { gate, paceUs } = pacingOf(rate);
        const permitsMs = (gate.max * paceUs) / 1000;
        const early = permitsMs - gate.duration;
        expect(early).toBeLessThanOrEqual(Math.min(0.5 * permitsMs, 300));
        expect(early).toBeGreaterThan(Math.min(0.5 * permitsMs, 300) - 1);
      }),
    );
  });

  test('is a whole number of jobs in a whole number of milliseconds, and BullMQ can count them', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { max, duration } = pacingOf(rate).gate;
        expect(Number.isInteger(max) && max >= 1 && max < unlimitedMax).toBe(true);
        expect(Number.isInteger(duration) && duration >= 1).toBe(true);
      }),
    );
  });

  test('has windows of about 250 ms, or of one pace where that is longer', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { gate, paceUs } = pacingOf(rate);
        expect(gate.duration).toBeLessThanOrEqual(Math.max(250, Math.ceil(paceUs / 1000)));
      }),
    );
  });
});

describe('odd rates work:', () => {
  test.each([
    ['1/1h', 3_600_030_000, { max: 1, duration: 3_599_730 }],
    ['2/s', 515_000, { max: 1, duration: 258 }],
    ['3/s', 343_334, { max: 1, duration: 172 }],
    ['5000/60s', 12_030, { max: 20, duration: 121 }],
    ['2000/s', 517, { max: 483, duration: 125 }],
    ['100/60s', 600_300, { max: 1, duration: 301 }],
  ])('%s is a permit every %d µs', (text, paceUs, gate) => {
    expect(pacingOf(rateSchema.parse(text))).toMatchObject({ paceUs, gate });
  });
});

describe('what is not paced', () => {
  const unpaced = { paceUs: 0, limit: 0, spanUs: 0, cellUs: 0, burst: 1, unitUs: 0 };

  test('a fixed window is the window as it stands', () => {
    const rate = rateSchema.parse({ limit: 100, per: '1m', shape: 'fixed' });
    expect(pacingOf(rate)).toEqual({ ...unpaced, gate: { max: 100, duration: 60_000 } });
  });

  test('no rate is a limit that nobody reaches, below the one that closes the gate', () => {
    expect(pacingOf(null)).toEqual({ ...unpaced, gate: { max: unlimitedMax, duration: 1000 } });
    expect(unlimitedMax).toBeLessThan(closedGate);
    expect(String(closedGate)).toBe('9007199254740991');
  });
});

test('the unit of adapting is the window, at least a second and at most a minute; 0 where it is switched off', () => {
  const unit = (per: number, adaptive = true) => pacingOf({ ...smooth(10, per, 5), adaptive }).unitUs;
  expect([unit(100), unit(1000), unit(30_000), unit(3_600_000)]).toEqual([
    1_000_000, 1_000_000, 30_000_000, 60_000_000,
  ]);
  expect(unit(1000, false)).toBe(0);
});
