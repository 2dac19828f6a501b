import { type AddressInfo, createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { patternBytes } from '../../../test/lab/upstream/bodies.ts';
import { Rig, loopback, quick, until } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ policy: { retry: { ...quick, attempts: 3 }, maxBody: '100KiB' } });
});
afterAll(() => rig[Symbol.asyncDispose]());

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const requests = async (path: string) =>
  (await rig.upstream.arrivals()).filter((arrival) => arrival.path === path).length;

describe('a job ends as response', () => {
  test('with status, headers, URL and body of a 200', async () => {
    const { outcome, body } = await rig.end('/bytes/5000');
    expect(outcome).toMatchObject({
      kind: 'response',
      attempts: 1,
      response: {
        status: 200,
        url: rig.url('/bytes/5000'),
        headers: { 'content-type': 'application/octet-stream', 'content-length': '5000' },
      },
    });
    expect(outcome.error).toBeUndefined();
    expect(patternBytes(5000).equals(body)).toBe(true);
  });

  test.each([201, 204, 304, 400, 401, 403, 404, 410, 422, 501, 505])('with a %d, at once', async (status) => {
    const path = `/status/${status}?case=final`;
    const { outcome } = await rig.end(path);
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1, response: { status } });
    expect(await requests(path)).toBe(1);
  });

  test('after a passing failure, with the number of the attempt that succeeded', async () => {
    const { outcome, text } = await rig.end('/status/503?times=2&case=passing');
    expect(outcome).toMatchObject({ kind: 'response', attempts: 3, response: { status: 200 } });
    expect(JSON.parse(text)).toEqual({ status: 200 });
  });

  test('with a decoded body when it came compressed', async () => {
    const { outcome, body } = await rig.end('/gzip/50000');
    expect(outcome.kind).toBe('response');
    expect(patternBytes(50_000).equals(body)).toBe(true);
  });

  test.each(['/bytes/10000000', '/gzip/10000000', '/gzip/100'])(
    'with an empty body for a HEAD of %s, whatever length a GET would have',
    async (path) => {
      const { outcome, body } = await rig.end(path, { method: 'HEAD' });
      expect(outcome).toMatchObject({ kind: 'response', attempts: 1, response: { status: 200 } });
      expect(body).toHaveLength(0);
    },
  );

  test('with a 304 that says how long the body would have been', async () => {
    const { outcome } = await rig.end('/status/304?header=content-length:10000000');
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1, response: { status: 304 } });
  });

  test('whose request had the method, headers and body of the spec', async () => {
    const { text } = await rig.end('/echo?a=1&b=%C3%BC', {
      method: 'PUT',
      headers: { 'X-Test': 'yes', accept: 'text/plain' },
      json: { grüße: 1 },
    });
    expect(JSON.parse(text)).toMatchObject({
      method: 'PUT',
      url: '/echo?a=1&b=%C3%BC',
      headers: { 'x-test': 'yes', accept: 'text/plain', 'content-type': 'application/json' },
      body: '{"grüße":1}',
    });
  });
});

describe('a job ends as', () => {
  test('http-error after its last attempt, with the last response attached', async () => {
    const path = '/status/500?case=lasting';
    const { outcome, text } = await rig.end(path);
    expect(outcome).toMatchObject({
      kind: 'http-error',
      attempts: 3,
      error: { code: 'SLUICE_HTTP_ERROR' },
      response: { status: 500 },
    });
    expect(JSON.parse(text)).toEqual({ status: 500 });
    expect(await requests(path)).toBe(3);
  });

  test('rate-limited when the upstream answers 429 to the last attempt', async () => {
    const path = '/status/429?case=limited';
    const { outcome } = await rig.end(path);
    expect(outcome).toMatchObject({
      kind: 'rate-limited',
      attempts: 3,
      error: { code: 'SLUICE_RATE_LIMITED' },
      response: { status: 429 },
    });
    expect(await requests(path)).toBe(3);
  });

  test.each(['/hang', '/hang-body', '/1xx-forever', '/drip?bytes=1000&ms=20'])(
    'timeout when %s does not end, and its connection is closed',
    async (path) => {
      const begun = performance.now();
      const { outcome } = await rig.end(path, { timeoutMs: 200, attempts: 2 });
      expect(outcome).toMatchObject({ kind: 'timeout', attempts: 2, error: { code: 'SLUICE_TIMEOUT' } });
      // From the permit on: what it took to connect is in the timeout, not in the duration.
      expect(outcome.durationMs).toBeGreaterThan(20);
      // Of the last attempt alone.
      expect(outcome.durationMs).toBeLessThan(performance.now() - begun - 190);
      expect(await requests(path)).toBe(2);
      await rig.quiet();
    },
  );

  test('network when nothing listens there', async () => {
    const { outcome } = await rig.end(`http://127.0.0.1:${await closedPort()}/`, { attempts: 2 });
    expect(outcome).toMatchObject({ kind: 'network', attempts: 2, error: { code: 'SLUICE_NETWORK' } });
    expect(outcome.error?.message).toContain('ECONNREFUSED');
  });

  test.each(['/reset', '/reset?after=10'])('network when %s breaks the connection', async (path) => {
    const { outcome } = await rig.end(path, { attempts: 2 });
    expect(outcome).toMatchObject({ kind: 'network', attempts: 2, error: { code: 'SLUICE_NETWORK' } });
    expect(await requests(path)).toBe(2);
  });

  test('network when the name does not exist', async () => {
    const { outcome } = await rig.end('http://no-such-name.example.invalid./', { attempts: 1 });
    expect(['network', 'blocked']).toContain(outcome.kind);
  });

  test('blocked when the guard blocks the address: not retried, no attempt counted', async () => {
    const { outcome } = await rig.end('http://10.1.2.3/');
    expect(outcome).toMatchObject({ kind: 'blocked', attempts: 0, error: { code: 'SLUICE_BLOCKED' } });
    expect(outcome.error?.message).toContain('10.1.2.3');
  });

  test.each(['http://127.0.0.1:6379/', 'http://localhost:2375/version'])(
    'blocked for %s, a port of infrastructure that the policy does not name',
    async (url) => {
      for (const location of [url, `/redirect-to?url=${encodeURIComponent(url)}`]) {
        const { outcome } = await rig.end(location);
        expect(outcome).toMatchObject({ kind: 'blocked', error: { code: 'SLUICE_BLOCKED' } });
        expect(outcome.error?.message).toMatch(/list it in egress\.ports/);
      }
    },
  );

  test.each(['/bytes/200000', '/gzip/200000', '/gzip-bomb?mb=200'])(
    'too-large for %s, at once, and the rest is not read',
    async (path) => {
      const { outcome, body } = await rig.end(path);
      expect(outcome).toMatchObject({ kind: 'too-large', attempts: 1, error: { code: 'SLUICE_TOO_LARGE' } });
      expect(outcome.error?.message).toContain('maxBody');
      expect(body).toHaveLength(0);
      expect(await requests(path)).toBe(1);
      await rig.quiet();
    },
  );

  test('bad-response when the body is not what its content-encoding says', async () => {
    const path = '/status/200?header=content-encoding:gzip';
    const { outcome } = await rig.end(path);
    expect(outcome).toMatchObject({
      kind: 'bad-response',
      attempts: 1,
      error: { code: 'SLUICE_BAD_RESPONSE' },
    });
    expect(await requests(path)).toBe(1);
  });

  test('expired when its deadline passed while it waited: nothing is sent', async () => {
    expect(await rig.addExpired('too-late')).toMatch(/^SLUICE_EXPIRED: the deadline passed/);
    expect(await requests('/too-late')).toBe(0);
  });

  test('expired when its deadline cuts its attempts short', async () => {
    const deadline = Date.now() + 300;
    const { outcome } = await rig.end('/hang?case=deadline', { deadline });
    expect(outcome).toMatchObject({ kind: 'expired', attempts: 1, error: { code: 'SLUICE_EXPIRED' } });
    expect(outcome.endedAt).toBeGreaterThanOrEqual(deadline);
  });

  test('expired at its deadline even if its queue is held for longer', async () => {
    await using held = await Rig.open({ idle: true });
    const origin = held.upstream.url;
    await held.sluice.policies.set(held.queue, { egress: loopback, origin });
    await held.startPool();
    await held.end('/status/429?retryAfter=600', { attempts: 1 });
    const deadline = Date.now() + 300;
    const { outcome } = await held.end('/never', { deadline });
    expect(outcome).toMatchObject({ kind: 'expired', attempts: 0, error: { code: 'SLUICE_EXPIRED' } });
    expect(await held.seen()).toHaveLength(1);
  });

  test.each([
    ['nothing', undefined],
    ['no request', { v: 1, at: 1 }],
    ['of no version', { req: { url: 'http://a/', method: 'GET', headers: {} }, at: 1 }],
  ])('poison when its data is %s', async (name, data) => {
    const id = `poison-${name.replaceAll(' ', '-')}`;
    await rig.addRaw(id, data);
    await until(async () => (await rig.bull.getJobState(id)) === 'failed');
    const job = await rig.bull.getJob(id);
    expect(job?.failedReason).toMatch(/^SLUICE_POISON: the job cannot be read/);
    expect(job?.attemptsStarted).toBe(1);
  });
});

test('a failed job is kept with its code and reason, a completed one is not kept', async () => {
  await rig.end('/status/500?case=kept', { id: 'failed-one', attempts: 1 });
  await until(async () => (await rig.bull.getJobState('failed-one')) === 'failed');
  expect((await rig.bull.getJob('failed-one'))?.failedReason).toBe(
    'SLUICE_HTTP_ERROR: the upstream answered 500 to attempt 1 (the last attempt)',
  );
  await rig.end('/', { id: 'completed-one' });
  await until(async () => (await rig.bull.getJobState('completed-one')) === 'unknown');
});
