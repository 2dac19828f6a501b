import { expect, test } from 'vitest';
import { startProgram } from '../../../test/lab/processes.ts';
import { readDemoUpstreamOptions } from '../src/demo-upstream/options.ts';
import { countsText } from '../src/demo-upstream/run.ts';
import { type DemoUpstreamOptions, startDemoUpstream } from '../src/demo-upstream/server.ts';
import { runHere } from './io.ts';

const plain: DemoUpstreamOptions = {
  host: '127.0.0.1',
  port: 0,
  limit: null,
  latencyMs: [0, 0],
  failures: 0,
};
const statuses = async (url: string, count: number) => {
  const all: number[] = [];
  for (let n = 0; n < count; n++) {
    const response = await fetch(url);
    await response.text();
    all.push(response.status);
  }
  return all;
};

test('rejects what is over its limit, with the wait, and counts', async () => {
  const limit = { limit: 3, perMs: 3_600_000, retryAfter: 'seconds' as const };
  const upstream = await startDemoUpstream({ ...plain, limit });
  try {
    expect(await statuses(`${upstream.url}/json`, 5)).toEqual([200, 200, 200, 429, 429]);
    const rejected = await fetch(upstream.url);
    await rejected.text();
    // Rounded up: the window is not over after it.
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(3500);
    expect(upstream.counts()).toEqual({ answered: 3, rejected: 3, failed: 0 });
  } finally {
    await upstream.close();
  }
});

test('fails the share that was asked for, and waits before it answers', async () => {
  const randoms = [0, 0.04, 0, 0.06];
  const upstream = await startDemoUpstream(
    { ...plain, latencyMs: [30, 90], failures: 0.05 },
    () => randoms.shift() ?? 1,
  );
  try {
    const began = performance.now();
    expect(await statuses(`${upstream.url}/item/1`, 2)).toEqual([500, 200]);
    // A timer may be early by a fraction of a millisecond.
    expect(performance.now() - began).toBeGreaterThan(55);
    expect(upstream.counts()).toEqual({ answered: 1, rejected: 0, failed: 1 });
  } finally {
    await upstream.close();
  }
});

test.each([
  ['/', 200],
  ['/item/7', 200],
  ['/json', 200],
  ['/echo', 200],
  ['/delay/1', 200],
  ['/status/418', 418],
  ['/redirect/2', 200],
  ['/bytes/1000', 200],
  ['/gzip/1000', 200],
  ['/status/nonsense', 400],
  ['/nowhere', 404],
])('%s answers %i', async (path, status) => {
  const upstream = await startDemoUpstream(plain);
  try {
    expect(await statuses(`${upstream.url}${path}`, 1)).toEqual([status]);
  } finally {
    await upstream.close();
  }
});

test('echoes no more than it should hold in memory', async () => {
  const upstream = await startDemoUpstream(plain);
  try {
    const body = Buffer.alloc(4 * 2 ** 20 + 1);
    const response = await fetch(`${upstream.url}/echo`, { method: 'POST', body });
    expect(response.status).toBe(413);
  } finally {
    await upstream.close();
  }
});

test('the options are read as people write them', () => {
  const raw = { port: '8081', host: '127.0.0.1', retryAfter: 'ms', latency: '50ms-1s', failures: '5%' };
  expect(readDemoUpstreamOptions({ ...raw, rate: '100/min' })).toEqual({
    host: '127.0.0.1',
    port: 8081,
    limit: { limit: 100, perMs: 60_000, retryAfter: 'ms' },
    latencyMs: [50, 1000],
    failures: 0.05,
  });
  expect(readDemoUpstreamOptions({ ...raw, latency: '1s', failures: '0.5' })).toMatchObject({
    limit: null,
    latencyMs: [1000, 1000],
    failures: 0.5,
  });
});

test('every fault of the options is told at once', async () => {
  const bad = ['--port', '70000', '--rate', 'often', '--latency', '1s-50ms', '--failures', '120%'];
  const { code, stdout, stderr } = await runHere(['demo-upstream', ...bad, '--retry-after', 'hours']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  for (const option of ['--port', '--rate', '--latency', '--failures', '--retry-after'])
    expect(stderr).toContain(`${option}: `);
});

test('a port that is taken is a sentence', async () => {
  const upstream = await startDemoUpstream(plain);
  try {
    const { port } = new URL(upstream.url);
    const { code, stderr } = await runHere(['demo-upstream', '--port', port]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `sluice: 127.0.0.1:${port} is in use; choose another with --port\n`,
    });
  } finally {
    await upstream.close();
  }
});

test('the command prints its URL, tells what it answered, and ends on Ctrl-C', async () => {
  await using program = startProgram('packages/cli/src/main.ts', [
    'demo-upstream',
    '--port',
    '0',
    '--rate',
    '1/1h',
  ]);
  const url = await program.line(/^http:/);
  expect(await statuses(url, 2)).toEqual([200, 429]);
  await program.line(countsText({ answered: 1, rejected: 1, failed: 0 }));
  program.signal('SIGINT');
  const { code, stdout, stderr } = await program.exit();
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${url}\n` });
  expect(stderr).toContain('the upstream rejects more than 1 requests in any 1h');
});
