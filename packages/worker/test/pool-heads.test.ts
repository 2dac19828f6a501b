import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { startRawUpstream } from './raw-upstream.ts';
import { Rig, quick } from './rig.ts';

const head = (status: string, ...fields: string[]) => [`HTTP/1.1 ${status}`, ...fields, '', ''].join('\r\n');
const retry = { ...quick, attempts: 2 };

describe('interim responses', () => {
  const answers: Record<string, string> = {
    '/continue': head('100 Continue') + head('200 OK', 'content-length: 2') + 'ok',
    '/several':
      head('100 Continue', 'x-a: b') +
      head('103 Early Hints', 'link: </a>') +
      head('100 Continue') +
      head('200 OK', 'content-length: 2') +
      'ok',
    '/body-that-looks-like-one': head('200 OK', 'content-length: 25') + head('100 Continue'),
  };

  test.each([
    ['in one piece', undefined],
    ['byte by byte', 1],
  ])('are ignored, any number of them, %s', async (_, pieces) => {
    await using upstream = await startRawUpstream((path) => answers[path], pieces);
    await using rig = await Rig.open({ policy: { retry } });
    for (const path of ['/continue', '/several']) {
      const { outcome, text } = await rig.end(`${upstream.url}${path}`, { method: 'POST', body: 'x' });
      expect(outcome, path).toMatchObject({ kind: 'response', response: { status: 200 } });
      expect(text).toBe('ok');
    }
    const { text } = await rig.end(`${upstream.url}/body-that-looks-like-one`);
    expect(text).toBe(head('100 Continue'));
  });
});

test('an endless head costs its attempt, and is not read to the end', async () => {
  const lines = 'a:\r\n'.repeat(100_000);
  await using upstream = await startRawUpstream(() => `HTTP/1.1 200 OK\r\n${lines}`);
  await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 1 } } });
  const { outcome } = await rig.end(`${upstream.url}/`);
  expect(outcome).toMatchObject({ kind: 'network', error: { code: 'SLUICE_NETWORK' } });
  expect(outcome.error?.message).toContain('head is larger than 16384 bytes');
});

describe('the status comes before the body', () => {
  const gzip = 'content-encoding: gzip';
  const rubbish = 'no gzip at all';
  const encoded = (status: string, ...fields: string[]) =>
    head(status, gzip, `content-length: ${rubbish.length}`, ...fields) + rubbish;
  const big = 'x'.repeat(3000);
  const first: Record<string, string> = {
    '/429': encoded('429 Too Many Requests', 'retry-after: 1'),
    '/503': head('503 No', 'retry-after: 1', `content-length: ${big.length}`) + big,
    '/500': encoded('500 No'),
    '/encodings':
      head('429 No', `content-encoding: ${Array(6).fill('gzip').join(', ')}`, 'content-length: 1') + 'x',
    '/302': encoded('302 Found', 'location: /good'),
    '/302-empty': head('302 Found', gzip, 'content-length: 0', 'location: /good'),
    '/302-short': head('302 Found', 'content-length: 10', 'location: /good') + 'x',
  };

  test('a retryable one is obeyed and retried, whatever its body', async () => {
    const seen = new Map<string, number>();
    await using upstream = await startRawUpstream((path) => {
      seen.set(path, (seen.get(path) ?? 0) + 1);
      return seen.get(path) === 1 && first[path] ? first[path] : head('200 OK', 'content-length: 2') + 'ok';
    });
    await using rig = await Rig.open({ policy: { retry, maxBody: 1000 } });
    const paths = ['/429', '/503', '/500', '/encodings'];
    for (const path of paths) {
      const begun = performance.now();
      const { outcome, text } = await rig.end(`${upstream.url}${path}`);
      expect(outcome, path).toMatchObject({ kind: 'response', attempts: 2 });
      expect(text).toBe('ok');
      if (path === '/429' || path === '/503') expect(performance.now() - begun).toBeGreaterThanOrEqual(1000);
    }
  });

  test('at the last attempt it is what the job ends as, with the head', async () => {
    await using upstream = await startRawUpstream((path) => first[path]);
    await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 1 }, maxBody: 1000 } });
    const kindOf = async (path: string) => {
      const { outcome } = await rig.end(`${upstream.url}${path}`);
      return [outcome.kind, outcome.response?.status];
    };
    expect(await kindOf('/500')).toEqual(['http-error', 500]);
    expect(await kindOf('/503')).toEqual(['http-error', 503]);
    expect(await kindOf('/encodings')).toEqual(['rate-limited', 429]);
  });

  test('a redirect is followed, whatever its body', async () => {
    await using upstream = await startRawUpstream((path) =>
      path === '/good' ? head('200 OK', 'content-length: 2') + 'ok' : first[path],
    );
    await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 1 } } });
    for (const path of ['/302', '/302-empty', '/302-short']) {
      const { outcome, text } = await rig.end(`${upstream.url}${path}`);
      expect(outcome, path).toMatchObject({ kind: 'response', response: { status: 200 } });
      expect(text).toBe('ok');
    }
  });

  test('a final one whose body does not decode ends the job, and is not retried', async () => {
    await using upstream = await startRawUpstream(() => encoded('200 OK'));
    await using rig = await Rig.open({ policy: { retry } });
    expect((await rig.end(`${upstream.url}/`)).outcome).toMatchObject({ kind: 'bad-response', attempts: 1 });
    expect(upstream.requests).toHaveLength(1);
  });

  test.each([
    ['200', 'response'],
    ['404', 'response'],
  ])('an empty body with a content-encoding is an empty body (%s)', async (status, kind) => {
    await using upstream = await startRawUpstream((path) =>
      path === '/length'
        ? head(`${status} X`, gzip, 'content-length: 0')
        : `${head(`${status} X`, gzip, 'transfer-encoding: chunked')}0\r\n\r\n`,
    );
    await using rig = await Rig.open({ policy: { retry } });
    for (const path of ['/length', '/chunked']) {
      const { outcome, body } = await rig.end(`${upstream.url}${path}`);
      expect(outcome).toMatchObject({ kind, response: { status: Number(status) } });
      expect(body).toHaveLength(0);
      expect(outcome.response?.headers['content-encoding']).toBeUndefined();
    }
  });

  test('HEAD and 304 keep what their heads say about a body', async () => {
    await using upstream = await startRawUpstream(() => head('200 OK', gzip, 'content-length: 77'));
    await using rig = await Rig.open({ policy: { retry } });
    const { outcome } = await rig.end(`${upstream.url}/`, { method: 'HEAD' });
    expect(outcome.response?.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': '77' });
  });
});

test('a body in chunks of one byte arrives whole, plain or compressed', async () => {
  const text = 'abc'.repeat(2000);
  const chunked = (bytes: Buffer) =>
    Buffer.concat([
      ...Array.from(bytes, (byte) => Buffer.from([0x31, 13, 10, byte, 13, 10])),
      Buffer.from('0\r\n\r\n'),
    ]);
  const plain = Buffer.concat([
    Buffer.from(head('200 OK', 'transfer-encoding: chunked')),
    chunked(Buffer.from(text)),
  ]);
  const zipped = Buffer.concat([
    Buffer.from(head('200 OK', 'content-encoding: gzip', 'transfer-encoding: chunked')),
    chunked(gzipSync(text)),
  ]);
  await using upstream = await startRawUpstream((path) => (path === '/plain' ? plain : zipped));
  await using rig = await Rig.open({ policy: { retry } });
  expect((await rig.end(`${upstream.url}/plain`)).text).toBe(text);
  expect((await rig.end(`${upstream.url}/zipped`)).text).toBe(text);
});
