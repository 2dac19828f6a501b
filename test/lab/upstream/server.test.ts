import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { worstWindow } from '../measure/window.ts';
import { patternBytes } from './bodies.ts';
import { type Upstream, startUpstream } from './server.ts';
import { spawnUpstream } from './spawn.ts';

describe.each([
  ['in this process', startUpstream],
  ['in its own process', spawnUpstream],
])('an upstream %s', (_, start) => {
  let upstream: Upstream;
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(upstream.url + path, init);
  const bytes = async (path: string): Promise<Buffer> => Buffer.from(await (await get(path)).arrayBuffer());

  beforeAll(async () => {
    upstream = await start();
  });
  afterEach(() => upstream.set({ limit: null, bodyBytes: 1024, latencyMs: 0, keepHeaders: false }));
  afterAll(() => upstream.close());

  test('serves bodies of the configured size', async () => {
    expect(await bytes('/')).toHaveLength(1024);
    expect(JSON.parse((await bytes('/item/7')).toString())).toMatchObject({ item: '7' });
    await upstream.set({ bodyBytes: 50 });
    expect(await bytes('/')).toHaveLength(50);
    expect(await bytes('/item/7')).toHaveLength(50);
  });

  test('serves bytes that can be checked, plain and gzipped, however many', async () => {
    expect((await bytes('/bytes/200001')).equals(patternBytes(200_001))).toBe(true);
    expect((await bytes('/gzip/200001')).equals(patternBytes(200_001))).toBe(true);
    expect(await bytes('/bytes/0')).toHaveLength(0);
  });

  test('logs what arrived, when, on which connection, and how it was answered', async () => {
    await upstream.reset();
    await upstream.set({ keepHeaders: true });
    const before = performance.now();
    await (await get('/json?a=1', { headers: { 'x-test': 'yes' } })).text();
    await (await get('/status/503', { method: 'DELETE' })).text();
    const after = performance.now();
    const [first, second, ...more] = await upstream.arrivals();
    expect(more).toEqual([]);
    expect(first).toMatchObject({ method: 'GET', path: '/json?a=1', status: 200, refused: false });
    expect(first?.headers?.['x-test']).toBe('yes');
    expect(second).toMatchObject({ method: 'DELETE', path: '/status/503', status: 503 });
    expect(second?.socket).toBeGreaterThan(0);
    // On this process' clock, even when another process took the time.
    const times = [before, first?.t ?? 0, second?.t ?? 0, after];
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(Math.abs((first?.epoch ?? 0) - Date.now())).toBeLessThan(5000);
  });

  test('answers a status a number of times, counted per query, then 200', async () => {
    const statuses = async (path: string, count: number): Promise<number[]> => {
      const seen: number[] = [];
      for (let n = 0; n < count; n++) seen.push((await get(path)).status);
      return seen;
    };
    expect(await statuses('/status/503?times=2&key=a', 3)).toEqual([503, 503, 200]);
    expect(await statuses('/status/503?times=1&key=b', 2)).toEqual([503, 200]);
    expect(await statuses('/status/404', 3)).toEqual([404, 404, 404]);
    const { headers } = await get('/status/429?retryAfter=7&header=x-ratelimit-reset:3');
    expect([headers.get('retry-after'), headers.get('x-ratelimit-reset')]).toEqual(['7', '3']);
    await upstream.reset();
    expect(await statuses('/status/503?times=1&key=b', 1)).toEqual([503]);
    expect((await get('/status/204')).status).toBe(204);
  });

  test('redirects a number of times, or anywhere', async () => {
    const last = await get('/redirect/3');
    expect([last.status, last.url]).toEqual([200, `${upstream.url}/`]);
    const to = await get('/redirect-to?url=http%3A%2F%2F169.254.169.254%2F&code=307', { redirect: 'manual' });
    expect([to.status, to.headers.get('location')]).toEqual([307, 'http://169.254.169.254/']);
  });

  test('echoes any method with its headers and body', async () => {
    const echoed = await get('/echo?q=1', { method: 'PATCH', body: 'Grüße', headers: { 'x-one': '1' } });
    expect(await echoed.json()).toMatchObject({
      method: 'PATCH',
      url: '/echo?q=1',
      headers: { 'x-one': '1' },
      body: 'Grüße',
    });
  });

  test('waits as it was told', async () => {
    const elapsed = async (path: string): Promise<number> => {
      const from = performance.now();
      await (await get(path)).text();
      return performance.now() - from;
    };
    expect(await elapsed('/delay/60')).toBeGreaterThanOrEqual(58);
    await upstream.set({ latencyMs: [40, 60] });
    expect(await elapsed('/json')).toBeGreaterThanOrEqual(38);
    expect(await elapsed('/drip?bytes=4&ms=10')).toBeGreaterThanOrEqual(60); // each timer may be early by a ms or two
  });

  test('never answers where it must not, and counts what is in flight', async () => {
    const leave = new AbortController();
    const hanging = get('/hang', { signal: leave.signal });
    const stalled = await get('/hang-body', { signal: leave.signal });
    const reader = stalled.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(10);
    await expect.poll(() => upstream.inFlight()).toBe(2);
    leave.abort();
    await expect(hanging).rejects.toThrow('abort');
    await expect(reader?.read()).rejects.toThrow('abort');
    await expect.poll(() => upstream.inFlight()).toBe(0);
  });

  test('resets connections before and inside an answer', async () => {
    await expect(get('/reset')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    const partial = await get('/reset?after=5');
    await expect(partial.text()).rejects.toThrow('terminated');
    expect((await get('/json')).status).toBe(200);
  });

  test('sends too many headers, and interim responses without end', async () => {
    await expect(get('/big-headers')).rejects.toMatchObject({ cause: { code: 'UND_ERR_HEADERS_OVERFLOW' } });
    const forever = request(`${upstream.url}/1xx-forever?ms=1`).end();
    for (let n = 0; n < 3; n++) {
      const [information] = await once(forever, 'information');
      expect(information).toMatchObject({ statusCode: 102 });
    }
    forever.on('error', () => {}).destroy();
    await expect.poll(() => upstream.inFlight()).toBe(0);
  });

  test('answers what it cannot read with 400, what it does not know with 404', async () => {
    expect((await get('/delay/soon')).status).toBe(400);
    expect((await get('/status/99')).status).toBe(400);
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/redirect-to?url=%0A')).status).toBe(500);
    await expect(upstream.set({ bodyBytes: -1 })).rejects.toThrow('bodyBytes');
  });

  test('enforces its limit to the request, and says when to retry', async () => {
    await upstream.set({ limit: { limit: 10, perMs: 400, retryAfter: 'ms' } });
    await upstream.reset();
    const first = await Promise.all(Array.from({ length: 15 }, () => get('/')));
    expect(first.filter(({ status }) => status === 429)).toHaveLength(5);
    const wait = Number(first.find(({ status }) => status === 429)?.headers.get('retry-after-ms'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(400);
    await Promise.all(first.map((response) => response.text()));

    // Asks without pause for three windows: what is admitted never breaks the limit and always reaches it.
    const until = performance.now() + 1200;
    while (performance.now() < until) await (await get('/')).text();
    const arrivals = await upstream.arrivals();
    expect(arrivals.every(({ status, refused }) => refused === (status === 429))).toBe(true);
    const admitted = arrivals.filter(({ refused }) => !refused).map(({ t }) => t);
    expect(worstWindow(admitted, 400).count).toBe(10);
    expect(admitted.length).toBeGreaterThanOrEqual(30);
  });

  test('states the wait in seconds or not at all, and takes a new limit at once', async () => {
    await upstream.set({ limit: { limit: 1, perMs: 60_000, shape: 'sliding', retryAfter: 'seconds' } });
    expect((await get('/')).status).toBe(200);
    expect((await get('/')).headers.get('retry-after')).toBe('60');
    await upstream.set({ limit: { limit: 1, perMs: 60_000, retryAfter: 'none' } });
    expect((await get('/')).status).toBe(200);
    const { status, headers } = await get('/');
    expect([status, headers.get('retry-after'), headers.get('retry-after-ms')]).toEqual([429, null, null]);
  });
});
