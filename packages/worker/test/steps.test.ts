import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { errors } from 'undici';
import { describe, expect, test, vi } from 'vitest';
import { type Outcome, policySchema } from '@sluice/shared';
import { EgressBlocked } from '../src/http/egress-blocked.ts';
import { BadRedirect, BodyTooLarge, UnreadableHead, UrlBlocked, failureOf } from '../src/http/failure.ts';
import { AttemptTimeout } from '../src/http/attempt-timer.ts';
import type { TakenJob } from '../src/job/taken-job.ts';
import { admit } from '../src/pipeline/admit.ts';
import { guard, guardRequest } from '../src/pipeline/guard.ts';
import { RetryLater, backoffStrategy, settle } from '../src/pipeline/settle.ts';
import type { Verdict } from '../src/job/verdict.ts';
import type { Holds } from '../src/limits/holds.ts';
import type { Outcomes } from '../src/results/outcomes.ts';

const now = 1_000_000;
const anyPolicy = policySchema.parse({});
const job = (data: unknown): TakenJob => ({
  queue: 'q',
  id: 'id',
  token: 'token',
  data,
  attemptsMade: 0,
  stalls: 0,
  takenAt: 0,
  signal: new AbortController().signal,
});

describe('a job is admitted', () => {
  const data = { v: 1, at: now, req: { url: 'http://a.test/', method: 'GET', headers: {} } };

  test('when it can be read', () => {
    expect(admit(job(data), anyPolicy, now)).toMatchObject({ type: 'admitted', envelope: data });
  });

  test('not with a field that it does not know, which could mean anything; its caller is told', () => {
    expect(admit(job({ ...data, later: true, replyTo: 'me' }), anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: { replyTo: 'me' },
      message:
        'the job cannot be read: later: unknown field; check its spelling or remove it; its raw data is kept',
    });
  });

  test('until its deadline, and not at it', () => {
    expect(admit(job({ ...data, deadline: now + 1 }), anyPolicy, now).type).toBe('admitted');
    expect(admit(job({ ...data, deadline: now }), anyPolicy, now).type).toBe('expired');
  });

  test('later, when a newer producer wrote it: a newer worker will read it', () => {
    expect(admit(job({ ...data, v: 2, req: 'in another form' }), anyPolicy, now)).toEqual({ type: 'newer' });
  });

  test('with its header names in lower case', () => {
    const req = { ...data.req, headers: { 'X-A': 'B' } };
    expect(admit(job({ ...data, req }), anyPolicy, now)).toMatchObject({
      type: 'admitted',
      envelope: { req: { headers: { 'x-a': 'B' } } },
    });
  });

  test('not when its request is none that is ever sent; its caller is told', () => {
    const req = { ...data.req, headers: { host: 'b.test' } };
    expect(admit(job({ ...data, req, replyTo: 'me' }), anyPolicy, now)).toMatchObject({
      type: 'blocked',
      addressee: { replyTo: 'me' },
      message: expect.stringContaining('the header "host" belongs to the connection') as string,
    });
  });

  test('not when its worker was lost too often while it ran; its caller is told', () => {
    expect(admit({ ...job(data), stalls: 10 }, anyPolicy, now).type).toBe('admitted');
    expect(admit({ ...job(data), stalls: 11 }, anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: data,
    });
  });

  test.each([
    null,
    undefined,
    'text',
    7,
    [],
    {},
    { ...data, v: 0 },
    { ...data, v: '1' },
    { ...data, v: 1.5 },
    { ...data, v: undefined },
    { ...data, req: { ...data.req, method: 'BREW' } },
  ])('not as %j: it is poison, with the place of the fault', (bad) => {
    expect(admit(job(bad), anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: {},
      message: expect.stringMatching(/^the job cannot be read: /) as string,
    });
  });
});

describe('the guard', () => {
  const policy = policySchema.parse({ origin: 'https://api.test', egress: { allow: ['10.0.0.0/8'] } });

  test('gives the URL back when its rules allow it', () => {
    expect(guard('https://api.test/a?b#c', policy, true).pathname).toBe('/a');
    expect(
      guard('http://10.0.0.1/', policySchema.parse({ egress: { allow: ['10.0.0.0/8'] } }), true).host,
    ).toBe('10.0.0.1');
  });

  test.each([
    'ftp://api.test/',
    'http://127.0.0.1/',
    'http://169.254.169.254/',
    'https://u:p@api.test/',
    'no url',
  ])('refuses %s', (url) => {
    expect(() => guard(url, policySchema.parse({}), false)).toThrow(UrlBlocked);
  });

  test("holds the first URL to the policy's origin, and lets a redirect leave it", () => {
    expect(() => guard('https://other.test/', policy, true)).toThrow(/serves https:\/\/api.test only/);
    expect(guard('https://other.test/', policy, false).host).toBe('other.test');
  });
});

describe("the guard of a redirect hop's request", () => {
  const request = { url: 'https://api.test/', method: 'POST', headers: {} } as const;

  test('gives it back with its header names in lower case', () => {
    expect(guardRequest({ ...request, headers: { Range: 'a' } })).toEqual({
      ...request,
      headers: { range: 'a' },
    });
  });

  test.each([
    { headers: { host: 'b.test' } },
    { headers: { 'x-a': '1', 'X-A': '2' } },
    { method: 'GET' as const, body: 'x' },
  ])('refuses %j', (change) => {
    expect(() => guardRequest({ ...request, ...change })).toThrow(UrlBlocked);
  });
});

describe('an error means', () => {
  const coded = (code: string, message = 'it failed') => Object.assign(new Error(message), { code });

  test.each([
    ['blocked', new UrlBlocked('no')],
    ['blocked', new EgressBlocked('no')],
    ['blocked', new Error('wrapped', { cause: new EgressBlocked('no') })],
    ['timeout', new AttemptTimeout(5)],
    ['too-large', new BodyTooLarge(5)],
    ['too-large', new errors.ResponseExceededMaxSizeError('big')],
    ['bad-response', new BadRedirect('no')],
    ['bad-response', coded('Z_DATA_ERROR')],
    ['bad-response', coded('ERR_BROTLI_DECODER_ERROR')],
    ['bad-response', coded('HPE_INVALID_CONSTANT')],
    ['bad-response', new errors.HTTPParserError('Response does not match')],
    ['bad-response', new UnreadableHead(new errors.HTTPParserError('Response does not match'))],
    ['network', coded('ECONNRESET')],
    ['network', coded('ECONNREFUSED')],
    ['network', new errors.SocketError('other side closed')],
  ])('%s: %s, and the request is unsent until its first byte', (kind, error) => {
    expect(failureOf(error, true)).toMatchObject({ kind, unsent: false });
    expect(failureOf(error, false)).toMatchObject({ kind, unsent: true });
  });

  test('the message names the code once', () => {
    expect(failureOf(coded('ECONNRESET', ''), true)?.message).toBe('ECONNRESET');
    expect(failureOf(coded('ECONNRESET', 'read ECONNRESET'), true)?.message).toBe('read ECONNRESET');
    expect(failureOf(coded('ECONNRESET', 'gone'), true)?.message).toBe('gone (ECONNRESET)');
  });

  test.each([new Error('a bug'), new TypeError('x is not a function'), 'text', null])(
    'a fault of our own before the first byte, and an end of the attempt after it: %s',
    (error) => {
      expect(failureOf(error, false)).toBeNull();
      expect(failureOf(error, true)).toMatchObject({ kind: 'internal', unsent: false });
    },
  );
});

describe('a verdict becomes', () => {
  const outcome = { kind: 'response', attempts: 1, endedAt: now, durationMs: 1 } as const;
  const lost = {
    kind: 'timeout',
    attempts: 1,
    endedAt: now,
    durationMs: 1,
    error: { code: 'SLUICE_TIMEOUT', message: 'late' },
  } as const;
  const body = new Uint8Array();

  function settling(
    verdict: Verdict,
    committed: 'committed' | 'already' | 'lock-lost' = 'committed',
    before: Outcome['error'] | null = null,
    isHeld = true,
  ) {
    const bull = { moveToDelayed: vi.fn(async () => {}), moveToWait: vi.fn(async () => {}) };
    const commit = vi.fn(async () => committed);
    const putOff = vi.fn(async () => isHeld);
    const outcomes = { commit, failureOf: async () => before } as unknown as Outcomes;
    const holds = { putOff, isPutOff: async () => true } as unknown as Holds;
    const result = settle(verdict, job(null), bull as unknown as Job, {}, outcomes, holds);
    return { result, bull, commit, putOff };
  }

  test('done: a completed job, with a few bytes as its result', async () => {
    const { result, commit } = settling({ type: 'done', outcome, body: new Uint8Array(1_000_000) });
    expect(await result).toBe('response');
    expect(commit).toHaveBeenCalledTimes(1);
  });

  test('give-up: a failed job that BullMQ does not try again, with code and sentence', async () => {
    const { result } = settling({ type: 'give-up', outcome: lost, body });
    await expect(result).rejects.toThrow(UnrecoverableError);
    await expect(result).rejects.toThrow('SLUICE_TIMEOUT: late');
  });

  test('an end of a job whose outcome is there already: as that one says', async () => {
    const verdicts: Verdict[] = [
      { type: 'give-up', outcome: lost, body },
      { type: 'done', outcome, body },
      { type: 'settled-before' },
    ];
    for (const verdict of verdicts) {
      expect(await settling(verdict, 'already').result).toBe('settled-before');
      const failed = settling(verdict, 'already', { code: 'SLUICE_NETWORK', message: 'gone' }).result;
      await expect(failed).rejects.toThrow(UnrecoverableError);
      await expect(failed).rejects.toThrow('SLUICE_NETWORK: gone');
    }
  });

  test('anything that another worker has: a dropped run', async () => {
    await expect(settling({ type: 'done', outcome, body }, 'lock-lost').result).rejects.toThrow(
      /another worker/,
    );
    await expect(settling({ type: 'abandon' }).result).rejects.toThrow(/lock was lost/);
  });

  test('retry: an error that carries the delay to the backoff strategy', async () => {
    const { result, putOff } = settling({ type: 'retry', inMs: 1234, message: 'again', cause: null });
    const error = await result.then(null, (reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(RetryLater);
    expect(backoffStrategy(1, 'sluice', error as Error)).toBe(1234);
    expect(putOff).not.toHaveBeenCalled();
  });

  test('retry that the upstream asked to wait: also noted, so that lifting the hold wakes the job', async () => {
    const cause = { type: 'asked' } as const;
    const { result, putOff } = settling({ type: 'retry', inMs: 1234, message: 'again', cause });
    await expect(result).rejects.toMatchObject({ delayMs: 1234, isPutOff: true });
    expect(putOff).toHaveBeenCalledWith('q', 'id', 1234, cause);
  });

  test('put off because of a hold that was lifted meanwhile: not at all', async () => {
    const cause = { type: 'held', origin: 'http://upstream.test' } as const;
    const retry: Verdict = { type: 'retry', inMs: 1234, message: 'again', cause };
    await expect(settling(retry, 'committed', null, false).result).rejects.toMatchObject({ delayMs: 0 });
    const back: Verdict = { type: 'give-back', putOffMs: 1234, cause };
    await expect(settling(back, 'committed', null, false).result).rejects.toThrow(WaitingError);
  });

  test('give-back: to the front, or put off', async () => {
    const front = settling({ type: 'give-back', putOffMs: 0, cause: null });
    await expect(front.result).rejects.toThrow(WaitingError);
    expect(front.bull.moveToWait).toHaveBeenCalledWith('token');
    const later = settling({ type: 'give-back', putOffMs: 500, cause: null });
    await expect(later.result).rejects.toThrow(DelayedError);
    expect(later.bull.moveToDelayed).toHaveBeenCalledTimes(1);
    expect(later.commit).not.toHaveBeenCalled();
  });

  test('a fault of our own: tried again later and later, up to a minute', () => {
    expect([1, 2, 3, 7, 20].map((made) => backoffStrategy(made, 'sluice', new Error('x')))).toEqual([
      1000, 2000, 4000, 60_000, 60_000,
    ]);
  });
});
