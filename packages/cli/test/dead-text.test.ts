import { expect, test } from 'vitest';
import type { DeadLetterDetail } from '@sluice/producer';
import { deadListText, deadShowJson, deadShowText } from '../src/dead/text.ts';

const now = Date.UTC(2026, 0, 2, 12);

const letter = (change: Partial<DeadLetterDetail> = {}): DeadLetterDetail => ({
  id: 'job-1',
  queue: 'api',
  code: 'SLUICE_HTTP_ERROR',
  kind: 'http-error',
  failedReason: 'SLUICE_HTTP_ERROR: the upstream answered 500',
  attempts: 6,
  enqueuedAt: now - 7_200_000,
  failedAt: now - 90_000,
  spec: {
    url: 'https://api.test/orders',
    method: 'POST',
    headers: { Authorization: 'Bearer hush', 'x-api-key': 'hush', cookie: 'hush', accept: 'text/html' },
    body: '{"a":1}',
    timeoutMs: 500,
  },
  redrives: [{ at: now - 3_600_000, attempts: 6, reason: 'SLUICE_TIMEOUT: no answer' }],
  outcome: {
    kind: 'http-error',
    attempts: 6,
    endedAt: now,
    durationMs: 12.3,
    response: {
      status: 500,
      url: 'https://api.test/orders',
      headers: { 'set-cookie': ['hush', 'hush'], server: 'x' },
    },
  },
  body: new TextEncoder().encode('oh no\nreally'),
  data: '{}',
  ...change,
});

test('a list has one line a job, also for one that cannot be read', () => {
  expect(deadListText([letter(), letter({ id: 'b', spec: null })], now)).toBe(
    [
      'ID     FAILED    CODE               KIND        ATTEMPTS  REQUEST',
      'job-1  90 s ago  SLUICE_HTTP_ERROR  http-error         6  POST https://api.test/orders',
      'b      90 s ago  SLUICE_HTTP_ERROR  http-error         6  (cannot be read)',
      '',
    ].join('\n'),
  );
});

test('all about one job, but for what looks like a secret', () => {
  const text = deadShowText(letter(), now);
  expect(text).not.toContain('hush');
  expect(text.replaceAll(/ +/g, ' ')).toBe(
    [
      'job job-1',
      'queue api',
      'failed 2026-01-02T11:58:30Z (90 s ago)',
      'because SLUICE_HTTP_ERROR: the upstream answered 500',
      'attempts 6',
      'enqueued 2026-01-02T10:00:00Z (2 h ago)',
      'redriven 2026-01-02T11:00:00Z (1 h ago) after 6 attempts: SLUICE_TIMEOUT: no answer',
      'request POST https://api.test/orders',
      ' timeoutMs 500',
      ' Authorization (hidden; --reveal shows it)',
      ' x-api-key (hidden; --reveal shows it)',
      ' cookie (hidden; --reveal shows it)',
      ' accept text/html',
      ' (7 bytes, hidden; --reveal shows them)',
      'outcome http-error, the last attempt took 12.3 ms',
      'response 500 from https://api.test/orders',
      ' set-cookie (hidden; --reveal shows it)',
      ' server x',
      ' (12 bytes, hidden; --reveal shows them)',
      '',
    ].join('\n'),
  );
});

test('nothing that the upstream sent can steer the terminal, and bytes are not printed', () => {
  const hostile = letter({
    failedReason: 'SLUICE_NETWORK: \u001b[2J',
    body: new TextEncoder().encode('\u001b]0;x\u0007'),
  });
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  expect(deadShowText(hostile, now, true)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(deadShowText(letter({ body: new Uint8Array([0xff, 0xfe]) }), now, true)).toContain(
    '(2 bytes, not text)',
  );
  expect(deadShowText(letter({ spec: null, data: '{"v":9' }), now, true)).toContain('{"v":9');
  expect(deadShowText(letter({ spec: null, data: '{"v":9' }), now)).not.toContain('{"v":9');
});

test('the query of a URL may carry a key: it is hidden, too', () => {
  const keyed = letter({ spec: { url: 'https://api.test/a?key=hush', method: 'GET' } });
  expect(deadListText([keyed], now)).toContain('GET https://api.test/a?(hidden; --reveal shows it)');
  expect(deadShowText(keyed, now)).not.toContain('hush');
  expect(deadShowText(keyed, now, true)).toContain('GET https://api.test/a?key=hush');
  expect(deadShowText(letter(), now, true).match(/hush/g)).toHaveLength(5);
});

test('for programs: the body as text where it is text, else in base64; the raw data only where nothing else is', () => {
  expect(deadShowJson(letter())).toMatchObject({ id: 'job-1', body: 'oh no\nreally' });
  expect(deadShowJson(letter())).not.toHaveProperty('data');
  expect(deadShowJson(letter({ body: new Uint8Array([0xff]) }))).toMatchObject({ bodyBase64: '/w==' });
  expect(deadShowJson(letter({ spec: null }))).toHaveProperty('data');
});
