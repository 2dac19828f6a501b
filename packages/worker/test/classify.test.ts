import { describe, expect, test } from 'vitest';
import { type PolicyInput, policySchema } from '@sluice/shared';
import type { Failure } from '../src/http/failure.ts';
import { type Attempt, type ClassifyContext, classify } from '../src/pipeline/classify.ts';
import { termsOf } from '../src/job/terms.ts';

type Given = {
  method?: 'GET' | 'PUT' | 'DELETE' | 'POST' | 'PATCH';
  headers?: Record<string, string>;
  attemptsMade?: number;
  attempts?: number;
  policy?: PolicyInput;
  random?: number;
};

const now = Date.UTC(2031, 0, 1);

function context(given: Given = {}): ClassifyContext {
  const { method = 'GET', headers = {}, attemptsMade = 0, attempts, policy = {}, random = 0 } = given;
  const req = { url: 'https://a.test/', method, headers };
  const envelope = { v: 1 as const, at: now, req, ...(attempts === undefined ? {} : { attempts }) };
  const parsed = policySchema.parse(policy);
  return {
    req,
    terms: termsOf(envelope, parsed),
    maxHold: parsed.maxHold,
    attemptsMade,
    now,
    random,
  };
}

const answer = (status: number, headers: Record<string, string> = {}): Attempt => ({
  type: 'response',
  head: { status, headers, url: 'https://a.test/' },
  body: new Uint8Array([1, 2, 3]),
  durationMs: 12.6,
});

const failure = (kind: Failure['kind'], unsent = false): Attempt => ({
  type: 'failure',
  failure: { kind, message: 'because', unsent },
  durationMs: 7,
});

const judge = (attempt: Attempt, given: Given = {}) => classify(attempt, context(given));

/** `done`, `retry`, or the kind of outcome that the job gives up with. */
function verdictOf(attempt: Attempt, given: Given = {}): string {
  const { verdict } = judge(attempt, given);
  return verdict.type === 'give-up' ? verdict.outcome.kind : verdict.type;
}

describe('a status', () => {
  test.each([200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 410, 413, 422, 451, 501, 505, 507, 511, 520])(
    'of %d ends the job with that response',
    (status) => {
      const { verdict, holdMs, rejected } = judge(answer(status), { attemptsMade: 2 });
      expect(verdict).toMatchObject({
        type: 'done',
        outcome: { kind: 'response', attempts: 3, endedAt: now, durationMs: 13, response: { status } },
        body: new Uint8Array([1, 2, 3]),
      });
      expect({ holdMs, rejected }).toEqual({ holdMs: 0, rejected: false });
    },
  );

  test.each([408, 425, 429, 500, 502, 503, 504])(
    'of %d is retried, and kept at the last attempt',
    (status) => {
      expect(verdictOf(answer(status))).toBe('retry');
      const last = judge(answer(status), { attemptsMade: 5 }).verdict;
      const code = status === 429 ? 'SLUICE_RATE_LIMITED' : 'SLUICE_HTTP_ERROR';
      expect(last).toMatchObject({
        type: 'give-up',
        outcome: { attempts: 6, error: { code }, response: { status } },
        body: new Uint8Array([1, 2, 3]),
      });
    },
  );

  test('that the policy does not list is final, and one that it adds is not', () => {
    const policy = { retry: { statuses: [418] } };
    expect(verdictOf(answer(500), { policy })).toBe('done');
    expect(verdictOf(answer(418), { policy })).toBe('retry');
    expect(verdictOf(answer(418), { policy, attempts: 1 })).toBe('http-error');
  });

  test('429 that the policy does not list is the response, and still holds the origin', () => {
    const given = { policy: { retry: { statuses: [] } } };
    const { verdict, holdMs, rejected } = judge(answer(429, { 'retry-after': '7' }), given);
    expect(verdict.type).toBe('done');
    expect({ holdMs, rejected }).toEqual({ holdMs: 7000, rejected: true });
  });

  test.each([
    ['403 with an exhausted quota', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' }],
    ['413 with a Retry-After', 413, { 'retry-after': '30' }],
    ['529 with a Retry-After', 529, { 'retry-after': '30' }],
  ])('of a rejection that passes by itself (%s) is tried again when it says', (_, status, headers) => {
    const { verdict } = judge(answer(status, headers));
    expect(verdict).toMatchObject({ type: 'retry', inMs: 30_000 });
  });
});

describe('the should-retry header', () => {
  test('makes a final status one that is retried, as often as any other', () => {
    expect(verdictOf(answer(400, { 'x-should-retry': 'true' }))).toBe('retry');
    expect(verdictOf(answer(400, { 'x-should-retry': 'true' }), { attempts: 1 })).toBe('http-error');
  });

  test('makes a retryable status final, as a failure', () => {
    expect(verdictOf(answer(503, { 'x-should-retry': 'false' }))).toBe('http-error');
    expect(verdictOf(answer(429, { 'x-should-retry': 'false' }))).toBe('rate-limited');
  });

  test('does not make an unsafe method safe', () => {
    expect(verdictOf(answer(500, { 'x-should-retry': 'true' }), { method: 'POST' })).toBe('http-error');
  });
});

describe.each(['POST', 'PATCH'] as const)('a %s', (method) => {
  const key = { 'idempotency-key': 'k' };

  test.each([500, 502, 504, 408])('is not repeated after %d, unless its caller sent a key', (status) => {
    expect(verdictOf(answer(status), { method })).toBe('http-error');
    expect(verdictOf(answer(status, { 'retry-after': '1' }), { method })).toBe('http-error');
    expect(verdictOf(answer(status), { method, headers: key })).toBe('retry');
  });

  test('is repeated after proof that nothing happened', () => {
    expect(verdictOf(answer(429), { method })).toBe('retry');
    expect(verdictOf(answer(425), { method })).toBe('retry');
    expect(verdictOf(answer(503, { 'retry-after': '1' }), { method })).toBe('retry');
    expect(verdictOf(failure('network', true), { method })).toBe('retry');
  });

  test('is not repeated when something may have happened', () => {
    expect(verdictOf(answer(503), { method })).toBe('http-error');
    expect(verdictOf(failure('network'), { method })).toBe('network');
    expect(verdictOf(failure('timeout'), { method })).toBe('timeout');
    expect(verdictOf(failure('timeout'), { method, headers: key })).toBe('retry');
  });

  test('is repeated if the policy lists the method', () => {
    expect(verdictOf(answer(500), { method, policy: { retry: { methods: [method] } } })).toBe('retry');
  });
});

test.each(['GET', 'PUT', 'DELETE'] as const)('a %s is repeated after anything that may pass', (method) => {
  expect(verdictOf(answer(500), { method })).toBe('retry');
  expect(verdictOf(failure('timeout'), { method })).toBe('retry');
  expect(verdictOf(failure('network'), { method })).toBe('retry');
});

describe('the delay', () => {
  const delay = (attempt: Attempt, given: Given = {}) => {
    const { verdict } = judge(attempt, given);
    return verdict.type === 'retry' ? verdict.inMs : null;
  };

  test('is that of the backoff if the upstream does not say', () => {
    for (const [attemptsMade, full] of [1000, 2000, 4000, 8000, 16_000].entries()) {
      expect(delay(answer(500), { attemptsMade })).toBe(full);
      expect(delay(failure('timeout'), { attemptsMade, random: 0.999_999 })).toBe(full / 2);
    }
  });

  test('is never shorter than what the upstream asks', () => {
    const asked = answer(429, { 'retry-after': '10' });
    expect(delay(asked)).toBe(10_000);
    expect(delay(asked, { random: 0.999_999 })).toBe(11_000);
  });

  test('is at most what the policy allows', () => {
    const asked = answer(429, { 'retry-after': '86400' });
    expect(delay(asked)).toBe(15 * 60_000);
    expect(delay(asked, { policy: { maxHold: '2s' } })).toBe(2000);
  });
});

describe('a hold', () => {
  const held = (attempt: Attempt, given: Given = {}) => {
    const { holdMs, rejected } = judge(attempt, given);
    return [holdMs, rejected];
  };

  test('follows from a rejection that says for how long, up to maxHold', () => {
    expect(held(answer(429, { 'retry-after': '20' }))).toEqual([20_000, true]);
    expect(held(answer(503, { 'retry-after': '20' }))).toEqual([20_000, true]);
    expect(held(answer(429, { 'retry-after': '86400' }))).toEqual([900_000, true]);
    expect(held(answer(429, { 'retry-after': '20' }), { attempts: 1 })).toEqual([20_000, true]);
  });

  test('has no length when the rejection does not say, but is still a rejection', () => {
    expect(held(answer(429))).toEqual([0, true]);
    expect(held(answer(503))).toEqual([0, false]);
  });

  test('does not follow from a server that failed, whatever it asks', () => {
    expect(held(answer(500, { 'retry-after': '20' }))).toEqual([0, false]);
  });

  test('follows from a success that used the last unit of a quota', () => {
    const last = answer(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' });
    expect(held(last)).toEqual([30_000, false]);
    expect(verdictOf(last)).toBe('done');
  });
});

describe('a failure', () => {
  test.each(['blocked', 'too-large', 'bad-response'] as const)('of kind %s is never retried', (kind) => {
    expect(verdictOf(failure(kind))).toBe(kind);
  });

  test('that the guard blocked counts no attempt, unless a redirect led there', () => {
    expect(judge(failure('blocked', true)).verdict).toMatchObject({ outcome: { attempts: 0 } });
    expect(judge(failure('blocked', false)).verdict).toMatchObject({ outcome: { attempts: 1 } });
  });

  test('at the last attempt ends the job with its code and message', () => {
    expect(judge(failure('timeout'), { attemptsMade: 5 }).verdict).toMatchObject({
      type: 'give-up',
      outcome: { kind: 'timeout', attempts: 6, error: { code: 'SLUICE_TIMEOUT', message: 'because' } },
    });
  });

  test('that names a wait is not retried before it', () => {
    const held: Attempt = {
      type: 'failure',
      failure: {
        kind: 'timeout',
        message: 'held',
        unsent: false,
        waitMs: 30_000,
        heldOrigin: 'http://b.test',
      },
      durationMs: 1,
    };
    expect(judge(held).verdict).toMatchObject({
      type: 'retry',
      inMs: 30_000,
      cause: { type: 'held', origin: 'http://b.test' },
    });
  });
});
