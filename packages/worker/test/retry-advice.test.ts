import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ResponseHead,
  type RetryAdviceOptions,
  longestAdviceMs,
  readRetryAdvice,
} from '../src/retry-advice/retry-advice.ts';

const now = Date.parse('2026-11-22T15:00:00.000Z');
const epoch = now / 1000;
type Headers = ResponseHead['headers'];
type Beside = { status?: number } & Partial<RetryAdviceOptions>;

function advice(headers: Headers, { status = 429, ...options }: Beside = {}) {
  return readRetryAdvice({ status, headers }, { now, ...options });
}
const wait = (headers: Headers, beside?: Beside) => advice(headers, beside).waitMs;
const hold = (headers: Headers, beside?: Beside) => advice(headers, { status: 200, ...beside }).holdMs;
const after = (value: string | string[], beside?: Beside) => wait({ 'retry-after': value }, beside);

const limit = (value: string | string[], more: Headers = {}) => wait({ RateLimit: value, ...more });
const spent = (reset: string | string[], more: Beside = {}) =>
  wait({ 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': reset }, more);

type Row = {
  id: string;
  status: number;
  now: string;
  headers: Headers;
  expected_wait_ms: number | null;
  profile_expected_wait_ms?: number;
  capped?: boolean;
  hold_queue_ms?: number;
  should_retry?: boolean;
  scope?: string;
  why: string;
} & Pick<RetryAdviceOptions, 'resetUnit' | 'profile' | 'extraRetryStatuses'>;

const rows: Row[] = JSON.parse(
  readFileSync(new URL('../../../test/cases/retry-after.json', import.meta.url), 'utf8'),
);

describe('the case table', () => {
  it.each(rows.map((row) => [row.id, row.why, row] as const))('%s: %s', (_id, _why, row) => {
    const { profile, resetUnit, extraRetryStatuses } = row;
    const options = { now: Date.parse(row.now), resetUnit, extraRetryStatuses };
    const read = readRetryAdvice(row, options);
    expect(read.waitMs).toBe(row.expected_wait_ms);
    expect(read.capped).toBe(row.capped ?? false);
    expect(read.holdMs).toBe(row.hold_queue_ms ?? null);
    expect(read.shouldRetry).toBe(row.should_retry ?? null);
    expect(read.scope).toBe(row.scope ?? null);
    if (profile) {
      const profiled = readRetryAdvice(row, { ...options, profile });
      expect(profiled.waitMs).toBe(row.profile_expected_wait_ms ?? row.expected_wait_ms);
    }
  });
});

describe('Retry-After in seconds', () => {
  it('rounds fractions up to the next ms, and no further', () => {
    expect(after('1.5')).toBe(1500);
    expect(after('0.0001')).toBe(1);
    expect(after('16.1')).toBe(16_100);
    expect(after('1.0000000000000000000001')).toBe(1001);
  });

  it.each(['-0.5', '-0', '1e3', '1_000', '.5', '5.', '1.2.3', 'Infinity', '٣', '5;6', '0b1', '"5"'])(
    'ignores %j',
    (value) => expect(after(value)).toBe(null),
  );

  it.each([
    ['5s', 5000],
    ['10s', 10_000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1h2m3.5s', 3_723_500],
    ['0.5ms', 1],
    ['1m 30s', null],
    ['s', null],
    ['-5s', null],
    ['5S', null],
  ])('reads a Go duration: %s', (value, expected) => expect(after(value)).toBe(expected));

  it.each([
    ['1,5', 5000],
    ['10, 20, 5', 20_000],
    ['10,20', 20_000],
    ['junk, 7', 7000],
    ['3 , 1m', 60_000],
    ['Sun, 22 Nov 2026 15:00:30 GMT,5', 30_000],
    ['5,Sun, 22 Nov 2026 15:00:30 GMT', 30_000],
    ['5,Sunday, 22-Nov-26 15:00:30 GMT, 2026-11-22T15:00:40Z', 40_000],
    [',5,', 5000],
    ['a,b', null],
  ])('takes the largest valid member of a list: %s', (value, expected) =>
    expect(after(value)).toBe(expected),
  );

  it('caps what is longer than a day, and says so', () => {
    expect(advice({ 'retry-after': '86400' })).toMatchObject({ waitMs: longestAdviceMs, capped: false });
    expect(advice({ 'retry-after': '86400.0001' })).toMatchObject({ waitMs: longestAdviceMs, capped: true });
    expect(advice({ 'retry-after': '9'.repeat(5000) })).toMatchObject({
      waitMs: longestAdviceMs,
      capped: true,
    });
    expect(advice({ 'retry-after': '1000000000' })).toMatchObject({ waitMs: longestAdviceMs, capped: true });
  });

  it('reads an epoch, in seconds or milliseconds, by the server’s Date', () => {
    expect(after(`${epoch + 7.25}`)).toBe(7250);
    expect(after(`${now + 7250}`)).toBe(7250);
    expect(after('1500000000')).toBe(0);
    expect(wait({ date: 'Sun, 22 Nov 2026 15:05:00 GMT', 'retry-after': `${epoch + 310}` })).toBe(10_000);
  });
});

describe('Retry-After as an HTTP-date', () => {
  it.each([
    ['Sun, 22 Nov 2026 15:00:30 GMT', 30_000],
    ['Sunday, 22-Nov-26 15:00:30 GMT', 30_000],
    ['Tue Dec  1 15:00:30 2026', longestAdviceMs],
    ['Sun Nov 22 15:00:30 2026', 30_000],
    ['Sun, 22 Nov 2026 15:00:60 GMT', 60_000],
    ['Monday, 22-Nov-26 15:00:30 GMT', 30_000],
    ['Sunday, 22-Nov-75 15:00:30 GMT', longestAdviceMs],
    ['Sunday, 22-Nov-94 15:00:30 GMT', 0],
    ['Sunday, 22-Nov-77 15:00:30 GMT', 0],
    ['Sat, 01 Jan 0050 00:00:00 GMT', 0],
  ])('reads %s', (value, expected) => expect(after(value)).toBe(expected));

  it.each([
    'Mon, 29 Feb 2027 15:00:30 GMT',
    'Sun, 31 Nov 2026 15:00:30 GMT',
    'Sun, 00 Nov 2026 15:00:30 GMT',
    'Sun, 22 Nov 2026 24:00:00 GMT',
    'Sun, 22 Nov 2026 15:60:00 GMT',
    'Sun, 22 Nov 2026 15:00:61 GMT',
    'Sun, 22 Nov 2026 15:00:30 PST',
    'Sun, 22 Nov 2026 15:00:30 +0100',
    'Sun, 22 Nov 2026 15:00:30 UTC',
    'Sun, 22 Nov 2026 15:00:30',
    'Sun, 2 Nov 2026 15:00:30 GMT',
    'Foo, 22 Nov 2026 15:00:30 GMT',
    'sun, 22 nov 2026 15:00:30 gmt',
    'Sun, 22-Nov-26 15:00:30 GMT',
    'Sun Nov 1 15:00:30 2026',
    '22 Nov 2026 15:00:30 GMT',
    '2026-11-22',
    '2026-11-22T15:00:30',
    '2026-02-30T15:00:30Z',
  ])('ignores %s', (value) => expect(after(value)).toBe(null));

  it.each([
    ['2026-11-22T15:00:30Z', 30_000],
    ['2026-11-22T16:00:30.5+01:00', 30_500],
    ['2026-11-22T14:00:00Z', 0],
  ])('or as an RFC 3339 time: %s', (value, expected) => expect(after(value)).toBe(expected));

  it('is judged by the Date of the response, whichever clock is ahead', () => {
    const date = 'Sun, 22 Nov 2026 14:00:00 GMT';
    expect(wait({ date, 'retry-after': 'Sun, 22 Nov 2026 14:00:30 GMT' })).toBe(30_000);
    expect(wait({ Date: [date], 'retry-after': 'Sun Nov 22 14:00:30 2026' })).toBe(30_000);
    expect(wait({ date, 'retry-after': '30' })).toBe(30_000);
  });

  it('places a two-digit year within fifty years of now, across a century too', () => {
    const late = Date.parse('2099-12-31T23:59:00Z');
    expect(after('Friday, 01-Jan-00 00:00:00 GMT', { now: late })).toBe(60_000);
  });
});

describe('Retry-After more than once', () => {
  it('waits for the longest, in several lines or in one', () => {
    expect(after(['3', '7', '5'])).toBe(7000);
    expect(after('3, 7')).toBe(7000);
    expect(after('3, Sun, 22 Nov 2026 15:00:30 GMT, 5')).toBe(30_000);
    expect(after('Sunday, 22-Nov-26 15:00:30 GMT, Sun Nov 22 15:00:40 2026')).toBe(40_000);
    expect(wait({ 'Retry-After': '3', 'retry-after': '9' })).toBe(9000);
  });

  it('ignores the malformed ones', () => {
    expect(after(['soon', '4', ''])).toBe(4000);
    expect(after(['soon', '-1'])).toBe(null);
  });
});

describe('the millisecond headers', () => {
  it('are rounded up and capped', () => {
    expect(wait({ 'retry-after-ms': '0.5' })).toBe(1);
    expect(wait({ 'x-retry-after-ms': '250.01' })).toBe(251);
    expect(advice({ 'x-ms-retry-after-ms': '86400001' })).toMatchObject({
      waitMs: longestAdviceMs,
      capped: true,
    });
  });

  it('are skipped when malformed', () => {
    expect(wait({ 'retry-after-ms': '-1', 'x-ms-retry-after-ms': '40', 'retry-after': '2' })).toBe(40);
    expect(wait({ 'retry-after-ms': '1e3' })).toBe(null);
  });
});

describe('waits inside the quota headers', () => {
  it.each([
    ['x-ratelimit-retry-after', `${epoch + 12}`, 12_000],
    ['X-Rate-Limit-Retry-After-Seconds', '12', 12_000],
    ['x-rate-limit-retry-after-milliseconds', '12', 12],
    ['x-ms-ratelimit-microsoft.costmanagement-entity-retry-after', '24', 24_000],
  ])('%s: %s', (name, value, expected) => expect(wait({ [name]: value })).toBe(expected));

  it('count after Retry-After, the longest of them', () => {
    const names = ['qpu', 'entity', 'tenant'].map(
      (it) => `x-ms-ratelimit-microsoft.costmanagement-${it}-retry-after`,
    );
    const headers = Object.fromEntries(names.map((name, at) => [name, `${at + 1}`]));
    expect(wait(headers)).toBe(3000);
    expect(wait({ ...headers, 'retry-after': '1' })).toBe(1000);
  });
});

describe('the RateLimit field', () => {
  it('counts exhausted policies only', () => {
    expect(limit('"a";r=0;t=5, "b";r=10;t=60')).toBe(5000);
    expect(limit('"a";r=0;t=5;pk=:YWJj:, b;r=0;t=60')).toBe(60_000);
    expect(limit('"a";r=1;t=5')).toBe(null);
  });

  it('takes a rejection as one by a policy that does not say what remains', () => {
    expect(limit('quota;t=3')).toBe(3000);
    expect(limit('quota;t=3, "b";r=0;t=1')).toBe(1000);
    expect(hold({ ratelimit: 'quota;t=3' })).toBe(null);
  });

  it('says nothing without t, whatever the policy’s window', () => {
    expect(limit('"a";r=0', { 'ratelimit-policy': '"a";q=10;w=60' })).toBe(null);
    expect(wait({ 'ratelimit-policy': '"a";q=10;w=60' })).toBe(null);
  });

  it.each([
    '"a";r=0;t="5"',
    '"a";r=-1;t=5',
    '"a";r=0.5;t=5',
    '"a;r=0;t=5',
    '"a";r=0;t=5,',
    '"a";r=0;t',
    '',
    '🙂',
  ])('is ignored when malformed: %s', (value) => expect(limit(value)).toBe(null));

  it('drops a malformed policy and keeps the others', () => {
    expect(limit('"a";r=0;t=3.5, "b";r=0;t=9')).toBe(9000);
  });

  it('is capped', () => {
    expect(advice({ ratelimit: '"a";r=0;t=999999999999999' })).toMatchObject({
      waitMs: longestAdviceMs,
      capped: true,
    });
  });

  it('is ignored with a positive Age, as are the older headers', () => {
    expect(limit('"a";r=0;t=5', { age: '0' })).toBe(5000);
    expect(limit('"a";r=0;t=5', { age: 'old' })).toBe(5000);
    expect(wait({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5', age: '1' })).toBe(null);
    expect(hold({ ratelimit: '"a";r=0;t=5', age: '1' })).toBe(null);
    expect(wait({ 'retry-after': '5', age: '1' })).toBe(5000);
  });

  it('leaves it to the older headers when it shows nothing exhausted', () => {
    expect(
      limit('"a";r=4;t=5', { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '2s' }),
    ).toBe(2000);
  });

  it('is read in its dictionary form', () => {
    expect(limit('limit=100, remaining=5, reset=17')).toBe(null);
    expect(limit(['limit=100', 'remaining=0', 'reset=17'])).toBe(17_000);
    expect(limit('limit=100, remaining=0, reset=1.5')).toBe(null);
    expect(hold({ ratelimit: 'limit=100, remaining=0, reset=17' })).toBe(17_000);
  });
});

describe('the X-RateLimit families', () => {
  it.each([
    ['30', 30_000],
    ['1.0001', 1001],
    [`${epoch + 0.0001}`, 1],
    [`${epoch + 45}`, 45_000],
    [`${now + 45_001}`, 45_001],
    ['1500000000', 0],
    ['1m30.951s', 90_951],
    ['1h0m0.5ms', 3_600_001],
    ['250µs', 1],
    ['1d', longestAdviceMs],
    ['2026-11-22T15:00:20Z', 20_000],
    ['2026-11-22T15:00:20.0001Z', 20_001],
    ['2026-11-22T16:01+01:00', 60_000],
    ['Sun, 22 Nov 2026 15:00:30 GMT', 30_000],
    ['-5', null],
    ['-1s', null],
    ['1s2', null],
    ['2026-11-22T15:00:20', null],
    ['2026-02-30T15:00:20Z', null],
    ['tomorrow', null],
    ['', null],
  ])('reset %j', (reset, expected) => expect(spent(reset)).toBe(expected));

  it('obeys the unit the queue gives', () => {
    expect(spent('600000', { resetUnit: 'milliseconds' })).toBe(600_000);
    expect(spent('0.5', { resetUnit: 'milliseconds' })).toBe(1);
    expect(spent('5', { resetUnit: 'seconds' })).toBe(5000);
    expect(spent(`${epoch + 5}`, { resetUnit: 'epoch-seconds' })).toBe(5000);
    expect(spent(`${now + 5}`, { resetUnit: 'epoch-milliseconds' })).toBe(5);
    expect(spent('5', { resetUnit: 'epoch-seconds' })).toBe(0);
  });

  it.each(['x-ratelimit', 'X-Rate-Limit', 'RateLimit', 'fitbit-rate-limit', 'x-hubspot-ratelimit-daily'])(
    '%s-remaining and -reset belong together',
    (family) => {
      const headers = { [`${family}-remaining`]: '0.0', [`${family}-reset`]: '5' };
      expect(wait(headers)).toBe(5000);
      expect(hold(headers)).toBe(5000);
    },
  );

  it('pairs lists of the same length, and is careful with others', () => {
    expect(wait({ 'x-ratelimit-remaining': '0, 99', 'x-ratelimit-reset': '3, 60' })).toBe(3000);
    expect(wait({ 'x-ratelimit-remaining': ['7', '0'], 'x-ratelimit-reset': ['3', '60'] })).toBe(60_000);
    expect(wait({ 'x-ratelimit-remaining': '7, 0', 'x-ratelimit-reset': '3' })).toBe(3000);
    expect(wait({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '3, 60' })).toBe(60_000);
  });

  it('takes a 429 as a rejection by the quota that does not say what remains; no other status', () => {
    expect(wait({ 'x-ratelimit-reset': '3' })).toBe(3000);
    expect(wait({ 'x-ratelimit-remaining': 'none', 'x-ratelimit-reset': '3' })).toBe(3000);
    expect(wait({ 'x-ratelimit-reset': '3' }, { status: 503 })).toBe(null);
    expect(wait({ 'x-ratelimit-reset': '3' }, { status: 403 })).toBe(null);
  });

  it('says nothing if something remains, or nothing resets', () => {
    expect(wait({ 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '3' })).toBe(null);
    expect(wait({ 'x-ratelimit-remaining': '0' })).toBe(null);
    expect(wait({ 'x-ratelimit-limit': '100' })).toBe(null);
  });
});

describe('vendors', () => {
  it('GitHub: both limits by 403 or 429, and a minute only when nothing is said', () => {
    const reset = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${epoch + 90}` };
    const left = { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': `${epoch + 90}` };
    expect(wait(reset, { status: 403 })).toBe(90_000);
    expect(wait({ ...left, 'retry-after': '60' }, { status: 403 })).toBe(60_000);
    expect(wait({}, { profile: 'github' })).toBe(60_000);
    expect(wait(reset, { profile: 'github' })).toBe(90_000);
    expect(wait({ 'retry-after': '5' }, { profile: 'github' })).toBe(5000);
    expect(wait(left, { profile: 'github', status: 403 })).toBe(null);
    expect(wait({}, { profile: 'github', status: 500 })).toBe(null);
  });

  it('GitLab: RateLimit-ResetTime when RateLimit-Reset cannot be read', () => {
    expect(wait({ 'RateLimit-Remaining': '0', 'RateLimit-ResetTime': 'Sun, 22 Nov 2026 15:00:53 GMT' })).toBe(
      53_000,
    );
  });

  it('Discord: Retry-After before reset-after, and its scopes', () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset-after': '1.2' };
    expect(wait(headers)).toBe(1200);
    expect(wait({ ...headers, 'retry-after': '2' })).toBe(2000);
    expect(wait(headers, { resetUnit: 'milliseconds' })).toBe(1200);
    expect(advice({ 'X-RateLimit-Scope': 'shared' }).scope).toBe('shared');
    expect(advice({ 'x-ratelimit-global': 'true' }).scope).toBe('global');
    expect(advice({ 'x-ratelimit-scope': 'galaxy' }).scope).toBe(null);
  });

  it('Akamai: the next refill, not the full bucket', () => {
    expect(
      wait({
        'akamai-ratelimit-remaining': '0',
        'akamai-ratelimit-next': '2026-11-22T15:00:20Z',
        'akamai-ratelimit-reset': '2026-11-22T15:10:00Z',
      }),
    ).toBe(20_000);
  });

  it('OpenAI: several dimensions, on a success too', () => {
    const headers = {
      'x-ratelimit-remaining-requests': '12',
      'x-ratelimit-reset-requests': '20m',
      'x-ratelimit-remaining-project-tokens': '0',
      'x-ratelimit-reset-project-tokens': '6m0s',
    };
    expect(wait(headers)).toBe(360_000);
    expect(hold(headers)).toBe(360_000);
  });

  it('Anthropic: the dimension before the word, and RFC 3339', () => {
    expect(
      wait({
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-11-22T15:00:20Z',
        'anthropic-ratelimit-tokens-remaining': '8000',
        'anthropic-ratelimit-tokens-reset': '2026-11-22T15:01:00Z',
      }),
    ).toBe(20_000);
  });
});

describe('should-retry headers', () => {
  it('are read with any status, whatever their case; a prohibition wins', () => {
    expect(advice({ 'X-Should-Retry': ' True ' }, { status: 404 }).shouldRetry).toBe(true);
    expect(advice({ 'stripe-should-retry': 'false' }, { status: 200 }).shouldRetry).toBe(false);
    expect(advice({ 'x-should-retry': 'true', 'stripe-should-retry': 'false' }).shouldRetry).toBe(false);
    expect(advice({ 'x-should-retry': '1' }).shouldRetry).toBe(null);
  });

  it('an order makes the time beside it count; a prohibition leaves it, for the queue', () => {
    expect(after('2', { status: 409 })).toBe(null);
    expect(wait({ 'retry-after': '2', 'x-should-retry': 'true' }, { status: 409 })).toBe(2000);
    expect(wait({ 'retry-after': '2', 'x-should-retry': 'false' })).toBe(2000);
  });
});

describe('the status', () => {
  it.each([408, 425, 429, 500, 502, 503, 504, 520, 529, 403, 413])('%i may carry a wait', (status) => {
    expect(after('2', { status })).toBe(2000);
  });

  it.each([0, 100, 200, 202, 301, 304, 400, 401, 404, 409, 410, 418, 422, 451, 501, 505, 511, 600, 999])(
    '%i may not',
    (status) => expect(after('2', { status })).toBe(null),
  );

  it('a 413 is not about a quota, a 503 with an exhausted one is', () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' };
    expect(wait(headers, { status: 503 })).toBe(5000);
    expect(wait(headers, { status: 413 })).toBe(null);
    expect(hold(headers, { status: 413 })).toBe(5000);
  });
});

describe('holding the queue after an answer', () => {
  const used = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' };

  it('is asked by any answer that used the last unit, and by no rejection', () => {
    for (const status of [200, 201, 304, 404]) expect(hold(used, { status })).toBe(5000);
    for (const status of [403, 429, 500]) expect(hold(used, { status })).toBe(null);
  });

  it('is not asked while units remain, nor by -1, nor once the reset has passed, nor by Retry-After', () => {
    expect(hold({ ...used, 'x-ratelimit-remaining': '1' })).toBe(null);
    expect(hold({ ...used, 'x-ratelimit-remaining': '-1' })).toBe(null);
    expect(hold({ ...used, 'x-ratelimit-reset': `${epoch - 5}` })).toBe(null);
    expect(hold({ 'retry-after': '5' })).toBe(null);
  });

  it('is capped', () => {
    expect(advice({ ...used, 'x-ratelimit-reset': '90000' }, { status: 200 })).toMatchObject({
      waitMs: null,
      holdMs: longestAdviceMs,
      capped: true,
    });
  });
});

describe('any headers at all', () => {
  const names = [
    'retry-after', 'Retry-After', 'retry-after-ms', 'x-ms-retry-after-ms', 'date', 'age', 'ratelimit',
    'ratelimit-policy', 'ratelimit-reset', 'ratelimit-remaining', 'x-ratelimit-reset', 'x-ratelimit-remaining',
    'x-ratelimit-reset-after', 'x-ratelimit-next', 'x-rate-limit-reset', 'x-ratelimit-reset-tokens',
    'x-ratelimit-remaining-tokens', 'x-ratelimit-retry-after', 'x-ratelimit-scope', 'x-should-retry', '__proto__',
    'constructor',
  ]; // prettier-ignore
  const seeds = rows.flatMap((row) => Object.values(row.headers).flat()).filter((it) => it !== undefined);
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...seeds, '__proto__', '0', '-1', '9'.repeat(400)),
    fc.double().map(String),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc
      .array(fc.constantFrom(...'0123456789.,-+ :;="TZrtwsmhGMSun'.split('')), { maxLength: 24 })
      .map((it) => it.join('')),
  );
  const headers: fc.Arbitrary<Headers> = fc.dictionary(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names) }, fc.string()),
    fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.constant(undefined)),
    { maxKeys: 6 },
  );
  const status = fc.oneof(
    fc.constantFrom(200, 403, 413, 429, 500, 503, 529),
    fc.integer({ min: 0, max: 999 }),
  );
  const beside = fc.record({
    now: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    resetUnit: fc.constantFrom(undefined, 'seconds', 'milliseconds', 'epoch-seconds', 'epoch-milliseconds'),
    profile: fc.constantFrom(undefined, 'github'),
  });

  it('give integers within a day or null, the same each time, and never throw', () => {
    fc.assert(
      fc.property(headers, status, beside, (headers, status, options) => {
        const read = readRetryAdvice({ status, headers }, options);
        for (const ms of [read.waitMs, read.holdMs]) {
          if (ms === null) continue;
          expect(Number.isInteger(ms)).toBe(true);
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ms).toBeLessThanOrEqual(longestAdviceMs);
        }
        expect(read.waitMs === null || read.holdMs === null).toBe(true);
        if (read.capped) expect(read.waitMs ?? read.holdMs).toBe(longestAdviceMs);
        expect(readRetryAdvice({ status, headers }, options)).toEqual(read);
      }),
      { numRuns: 3000 },
    );
  });

  const day = 86_400_000_000;
  const asked = fc.integer({ min: 0, max: day }); // millionths of a second

  it('never ask for less than the server did, nor for a whole ms more', () => {
    fc.assert(
      fc.property(asked, (millionths) => {
        const text = `${Math.floor(millionths / 1e6)}.${String(millionths % 1e6).padStart(6, '0')}`;
        const exact = Math.ceil(millionths / 1000);
        expect(after(text)).toBe(exact);
        expect(wait({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset-after': text })).toBe(exact);
        expect(wait({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${text}s` })).toBe(exact);
      }),
    );
  });

  it('ask for no less when another Retry-After is added', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (values, added) => {
        expect(after([...values, added]) ?? 0).toBeGreaterThanOrEqual(after(values) ?? 0);
      }),
    );
  });

  it('read every HTTP-date that is written by the grammar, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400 }), (seconds) => {
        const date = new Date(now + seconds * 1000).toUTCString();
        expect(after(date)).toBe(seconds * 1000);
        expect(wait({ date, 'retry-after': new Date(now + 86_400_000).toUTCString() })).toBe(
          86_400_000 - seconds * 1000,
        );
      }),
    );
  });

  it('are read in time proportional to their length', () => {
    const hostile = {
      ['rate-limit-'.repeat(1400)]: '1',
      'retry-after': [`${', '.repeat(8000)}x`, `${'0'.repeat(64_000)}x`],
      'retry-after-ms': Array.from({ length: 200_000 }, () => 'x'),
      'x-ratelimit-remaining': Array.from({ length: 200_000 }, () => '1'),
      'x-ratelimit-reset': '1'.repeat(16_000),
      'x-ratelimit-next': '1m'.repeat(8000),
      ratelimit: '("a" '.repeat(3000),
    };
    const start = process.cpuUsage();
    advice(hostile);
    const { user, system } = process.cpuUsage(start);
    // Of the processor's time, µs: what else the machine does is not in it.
    expect(user + system).toBeLessThan(2_000_000);
  });
});

describe('a TimeSpan in the x-ms- family', () => {
  it.each([
    ['00:00:10', 10_000],
    ['00:01:30.5', 90_500],
    ['00:00:00.0000001', 1],
    ['1.00:00:00', longestAdviceMs],
    ['0:00:07', 7000],
    ['24:00:00', null],
    ['00:60:00', null],
    ['00:00:60', null],
    ['10:00', null],
    ['-00:00:10', null],
  ])('is read: %s', (value, expected) => {
    expect(wait({ 'x-ms-retry-after-ms': value })).toBe(expected);
    expect(wait({ 'x-ms-ratelimit-microsoft.costmanagement-entity-retry-after': value })).toBe(expected);
  });

  it('is read nowhere else, and a number stays a number', () => {
    expect(after('00:00:10')).toBe(null);
    expect(wait({ 'retry-after-ms': '00:00:10' })).toBe(null);
    expect(wait({ 'x-ms-retry-after-ms': '250' })).toBe(250);
    expect(wait({ 'x-ms-retry-after-ms': '250, 00:00:01' })).toBe(1000);
  });
});
