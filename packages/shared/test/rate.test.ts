import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type RateInput,
  duration,
  formatDuration,
  formatRate,
  parseDuration,
  rateSchema,
  validate,
} from '../src/index.ts';

const faults = (input: unknown) => {
  try {
    validate(rateSchema, input, 'SLUICE_INVALID_POLICY', 'rate');
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    [' 30s ', 30_000],
    ['0s', 0],
  ])('"%s" is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['30', '', 's', '-1s', '1 s', '1e3ms', '1S', '1w', '1s2', '.5s', 'Infinity', '1_000ms', '٣s'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  test('is written in the largest unit that divides it, and reads back as it was', () => {
    expect([60_000, 90_000, 250, 86_400_000, 7_200_000].map(formatDuration)).toEqual([
      '1m',
      '90s',
      '250ms',
      '1d',
      '2h',
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test('in a schema takes milliseconds or text, inside its limits, and says what it expects', () => {
    const schema = duration({ min: 100, max: 60_000 });
    expect([schema.parse(100), schema.parse('1m'), schema.parse('1.5s')]).toEqual([100, 60_000, 1500]);
    const message = (input: unknown) => schema.safeParse(input).error?.issues[0]?.message;
    expect(message(99)).toBe('must be between 100ms and 1m');
    expect(message('2m')).toBe('must be between 100ms and 1m');
    expect(message('30')).toContain('"30" is not a duration: write a number and a unit');
    expect(message(100.5)).toContain('is not a duration');
    expect(message(true)).toContain('expected a duration such as "30s"');
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) expect(message(odd)).toBeDefined();
  });
});

describe('a rate', () => {
  test.each([
    ['100/60s', 100, 60_000],
    ['100/1m', 100, 60_000],
    ['5/s', 5, 1000],
    ['5/m', 5, 60_000],
    ['1/1h', 1, 3_600_000],
    ['20/500ms', 20, 500],
    [' 7/1s ', 7, 1000],
    ['100/min', 100, 60_000],
    ['5000/h', 5000, 3_600_000],
    ['10/sec', 10, 1000],
    ['10 / 30 seconds', 10, 30_000],
    ['100 per minute', 100, 60_000],
    ['7/2hours', 7, 7_200_000],
    ['3/DAY', 3, 86_400_000],
  ])('"%s" is %d per %d ms, smooth and adaptive', (text, limit, per) => {
    const slack = Math.min(30, Math.ceil(per / 20));
    expect(rateSchema.parse(text)).toEqual({
      limit,
      per,
      burst: limit,
      slack,
      shape: 'smooth',
      adaptive: true,
      text: text.trim(),
    });
  });

  test('as an object has its defaults filled in, and what it names kept', () => {
    expect(rateSchema.parse({ limit: 3, per: '1s', burst: 2, slack: '50ms', adaptive: false })).toEqual({
      limit: 3,
      per: 1000,
      burst: 2,
      slack: 50,
      shape: 'smooth',
      adaptive: false,
      text: '3/1s',
    });
  });

  test.each([
    ['0/1s', 'rate: limit: must be at least 1'],
    ['100', 'rate: "100" is not a rate: write requests/window, such as "100/60s", "5/s" or "5000/h"'],
    ['100/60', '"100/60" is not a rate'],
    ['100/ss', '"100/ss" is not a rate'],
    ['100/fortnight', '"100/fortnight" is not a rate'],
    ['100 perhaps', '"100 perhaps" is not a rate'],
    ['-5/1s', '"-5/1s" is not a rate'],
    ['1.5/1s', '"1.5/1s" is not a rate'],
    ['/1s', '"/1s" is not a rate'],
    ['', '"" is not a rate'],
    ['1/50ms', 'per: must be between 100ms and 31d'],
    ['1/0s', 'per: must be between 100ms and 31d'],
    ['1/32d', 'per: must be between 100ms and 31d'],
    ['9999999999/1s', 'limit: must be at most 1000000000'],
    ['99999999999999999999/1s', 'limit: '],
    [100, 'expected a rate such as "100/60s", or { limit, per }'],
    [null, 'expected a rate'],
    [{ limit: 0.5, per: '1s' }, 'limit: must be a whole number of requests'],
    [{ limit: 5 }, 'per: '],
    [{ limit: 5, per: '1s', bursts: 1 }, 'bursts: unknown field; did you mean "burst"?'],
    [{ limit: 5, per: '1s', burst: 0 }, 'burst: must be at least 1; 1 is an even pace'],
    [{ limit: 5, per: '1s', burst: 6 }, 'burst: must not be larger than limit: no window holds more'],
    [{ limit: 5, per: '1s', shape: 'square' }, 'shape: '],
    [{ limit: 5, per: '1s', slack: 0 }, 'slack: must be between 5ms and 1m'],
    [{ limit: 5, per: '1s', slack: '1s' }, 'rate: slack: must be less than per'],
    [{ limit: 5, per: '100ms', slack: '1m' }, 'rate: slack: must be less than per'],
  ])('%j is refused with a sentence that names the fault', (input, message) => {
    expect(faults(input)).toContain(message);
  });

  test('had the shape "burst" once, which is a fixed window; the age of its permits is left out', () => {
    const older = { limit: 3, per: '1s', shape: 'burst', permitAge: 4 };
    expect(rateSchema.parse(older)).toEqual(rateSchema.parse({ limit: 3, per: '1s', shape: 'fixed' }));
  });

  test('that was parsed parses to itself, whatever its slack', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 59_999 }), (slack) => {
        const rate = rateSchema.parse({ limit: 5, per: '1m', slack });
        expect(rateSchema.parse(rate)).toEqual(rate);
      }),
    );
  });

  test('has all its faults listed at once', () => {
    const message = faults({ limit: 0, per: 'soon', bursts: 1 });
    for (const part of [
      'limit: must be at least 1',
      'per: "soon" is not a duration',
      'bursts: unknown field',
    ]) {
      expect(message).toContain(part);
    }
  });

  test('is written in the unit that it was given in, else shortly, and reads back as it was', () => {
    const written = (rate: RateInput) => formatRate(rateSchema.parse(rate));
    expect(written('100/60s')).toBe('100/60s');
    expect(written(' 5000/h')).toBe('5000/h');
    expect(written({ limit: 2, per: 'min' })).toBe('2/min');
    expect(written({ limit: 2, per: 60_000 })).toBe('2/1m');
    expect(written({ limit: 2, per: '60s', shape: 'fixed' })).toBe('2/60s fixed');
    expect(written({ limit: 2, per: 1000, burst: 1 })).toBe('2/1s, burst 1');
    const parts = fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 100, max: 2_678_400_000 }));
    fc.assert(
      fc.property(parts, ([limit, per]) => {
        const rate = rateSchema.parse({ limit, per });
        expect(rateSchema.parse(formatRate(rate))).toEqual({ ...rate, text: formatRate(rate) });
      }),
    );
  });

  test('is never written as a text that says another rate, nor as an endless one', () => {
    expect(rateSchema.parse({ limit: 5, per: 1000, text: '6/s' })).not.toHaveProperty('text');
    expect(rateSchema.parse(`${'0'.repeat(50)}5/s`)).not.toHaveProperty('text');
    expect(rateSchema.parse({ limit: 5, per: `${'0'.repeat(50)}1s` })).not.toHaveProperty('text');
  });
});
