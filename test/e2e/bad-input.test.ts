import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePort } from '../lab/free-port.ts';
import { listen } from '../lab/listen.ts';
import { startOwnRedis } from '../lab/own-redis.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';
import { performHere } from './perform-here.ts';
import { keysWith, listFile, resultsOf, startSluice } from './sluice.ts';

const allow = ['--allow-net', '127.0.0.0/8'];
const redis = inject('redisUrl');
const prefix = `{bad-${randomUUID()}}`;
let upstream: Upstream;
let list: string;
beforeAll(async () => {
  upstream = await spawnUpstream();
  list = listFile([`${upstream.url}/json`]);
});
afterAll(() => upstream.close());

/** Runs to exit code 1, with one message and nothing on standard output; in this process, for a start takes longer. */
async function refused(args: string[], env: Record<string, string | undefined> = {}): Promise<string> {
  await upstream.reset();
  const { code, stdout, stderr } = await performHere(args, env, '');
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: '' });
  expect(await upstream.arrivals()).toEqual([]);
  return stderr;
}

/** The same in a process of its own, which leaves nothing behind. */
async function programRefused(args: string[], env: Record<string, string | undefined> = {}): Promise<string> {
  await upstream.reset();
  await using program = startSluice(args, { env });
  const { code, stdout, stderr } = await program.exit();
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: '' });
  expect(await upstream.arrivals()).toEqual([]);
  expect(program.descendants()).toEqual([]);
  expect(readdirSync(program.temporary)).toEqual([]);
  return stderr;
}

test('every bad line is named with its number and reason, and nothing is enqueued', async () => {
  const lines = [
    `${upstream.url}/json`,
    'not a url',
    { url: `${upstream.url}/json`, methd: 'GET', headers: { host: 'x' } },
    '# a comment',
    'file:///etc/passwd',
    '{"url": ',
    { url: `${upstream.url}/json`, id: 'twice' },
    { url: `${upstream.url}/json`, id: 'twice' },
    { url: `${upstream.url}/json`, method: 'GET', body: 'x' },
  ];
  const stderr = await programRefused(['run', listFile(lines), '--redis', redis, '--prefix', prefix]);
  expect(stderr.split('\n')).toEqual([
    expect.stringContaining('line 2: url: "not a url" is not an absolute URL; expected http://'),
    expect.stringMatching(
      /line 3: .*headers\.host: belongs to the connection and is set by the worker; remove it; methd: unknown field/,
    ),
    expect.stringContaining('line 5: url: the scheme "file:" is not allowed; use http: or https:'),
    expect.stringContaining('line 6: is not a JSON object'),
    expect.stringContaining('line 8: id: "twice" is also the id of line 7'),
    expect.stringContaining('line 9: body: a GET request has no body'),
    'sluice: 6 bad lines; nothing was enqueued',
    '',
  ]);
  expect(await keysWith(redis, prefix)).toEqual([]);
});

test.each([
  ['0/1s', '--rate 0/1s: limit: must be at least 1'],
  ['100', '--rate 100: "100" is not a rate: write requests/window, such as "100/60s"'],
  ['100/1ms', '--rate 100/1ms: per: must be between 100ms and 31d'],
])('the rate %s is not accepted', async (rate, message) => {
  expect(await refused(['run', list, '--rate', rate])).toContain(message);
});

test('all faults of the options are listed at once', async () => {
  const args = [
    'run',
    list,
    '--timeout',
    '30',
    '--workers',
    'x',
    '--allow-net',
    'foo',
    '--max-body',
    '0',
    '--queue',
    'a b',
  ];
  const stderr = await refused(args);
  expect(stderr).toContain('--workers: "x" is not a whole number from 0 to 256');
  expect(stderr).toContain('--timeout: "30" is not a duration');
  expect(stderr).toContain('"foo" is not a CIDR');
  expect(stderr).toContain('--max-body: "0" is not a size');
  expect(stderr).toContain('--queue: must be 1 to 100 letters');
});

test('options that need a shared Redis say so', async () => {
  expect(await refused(['run', list, '--workers', '0'])).toContain('0 needs --redis');
  expect(await refused(['run', list, '--queue', 'a'])).toContain('--queue: needs --redis');
  const missing = await refused(['run', list, '--queue', 'nowhere', '--redis', redis, '--prefix', prefix]);
  expect(missing).toContain('there is no queue "nowhere" here');
});

test('unknown commands and options are named, with a pointer to --help', async () => {
  expect(await refused(['rum'])).toMatch(/unknown command 'rum'[^]*Did you mean run\?[^]*--help/);
  expect(await refused(['run', list, '--rat', '1/s'])).toMatch(/unknown option '--rat'[^]*--rate/);
});

test('an input that does not exist, or is a folder, is named', async () => {
  expect(await refused(['run', '/nowhere/list.txt'])).toContain(
    'cannot read the input /nowhere/list.txt: no such file',
  );
  expect(await refused(['run', '/'])).toContain('cannot read the input /: is a directory');
});

test('a Redis that does not answer is named, from --redis and from the environment', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`;
  expect(await refused(['run', list, '--redis', url])).toContain(
    `${url} does not answer (connect ECONNREFUSED`,
  );
  expect(await refused(['run', list], { SLUICE_REDIS_URL: url })).toContain(`${url} does not answer`);
  expect(await refused(['run', list, '--redis', 'localhost:6379'])).toContain(
    '--redis: must be a URL such as redis://',
  );
});

test('a Redis that is too old is not accepted, and its version is named', async () => {
  await using server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      // One answer for each command of the chunk: an array that begins a line.
      for (const command of chunk
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1)) {
        const info = 'redis_version:6.2.14\r\nloading:0\r\n';
        socket.write(/\binfo\b/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
      }
    });
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  const stderr = await refused(['run', list, '--redis', `redis://127.0.0.1:${port}`]);
  expect(stderr).toContain(
    `redis://127.0.0.1:${port} is Redis 6.2.14; Sluice needs Redis 7.0 or Valkey 8 or newer`,
  );
});

test('a wrong password is an error, and not printed', async () => {
  await using own = await startOwnRedis();
  const client = new Redis(own.url);
  await client.config('SET', 'requirepass', 'right');
  client.disconnect();
  const stderr = await programRefused(['run', list, '--redis', `redis://:hunter2@127.0.0.1:${own.port}`]);
  expect(stderr).toContain('refuses the user or password (WRONGPASS');
  expect(stderr).not.toContain('hunter2');
  expect(await refused(['run', list, '--redis', own.url])).toContain('refuses the user or password (NOAUTH');
});

test('without a Redis, a server program or Docker, the ways out are listed', async () => {
  const stderr = await programRefused(['run', list], { PATH: temporaryFolder('empty') });
  expect(stderr).toContain('no redis-server or valkey-server on the PATH');
  expect(stderr).toMatch(/apt-get install redis-server[^]*--redis[^]*Docker/);
});

test('an --out that cannot be written ends the run before it begins', async () => {
  expect(await refused(['run', list, '--out', '/nowhere/out.jsonl'])).toContain(
    '--out: cannot write /nowhere/out.jsonl: no such file or directory',
  );
  expect(await refused(['run', list, '--out', list])).toContain('is the input, which would be overwritten');
  expect(readFileSync(list, 'utf8')).toContain(upstream.url);
});

test('what was in --out stays when the run does not begin; a file that did not exist before is removed', async () => {
  const folder = temporaryFolder('out');
  const [old, fresh] = [join(folder, 'old'), join(folder, 'fresh')];
  writeFileSync(old, 'kept');
  const redis = `redis://127.0.0.1:${await freePort()}`;
  await refused(['run', list, '--redis', redis, '--out', old]);
  await programRefused(['run', list, '--redis', redis, '--out', fresh]);
  expect(readFileSync(old, 'utf8')).toBe('kept');
  expect(existsSync(fresh)).toBe(false);
});

test.skipIf(!existsSync('/dev/full'))(
  'a disk that fills up in the middle ends the run, with its reason',
  async () => {
    await using program = startSluice(['run', list, '--out', '/dev/full', '--quiet', ...allow]);
    const { code, stderr } = await program.exit();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'sluice: --out: cannot write /dev/full: no space left on device\n',
    });
    expect(program.descendants()).toEqual([]);
  },
);

test('an upstream that refuses connections fails its jobs, with the address and the reason', async () => {
  const url = `http://127.0.0.1:${await freePort()}/`;
  await using program = startSluice(['run', listFile([url]), '--attempts', '2', ...allow]);
  const { code, stdout, stderr } = await program.exit();
  expect(code, stderr).toBe(2);
  expect(resultsOf(stdout)).toMatchObject([
    { outcome: 'network', status: null, attempts: 2, bytes: 0, error: { code: 'SLUICE_NETWORK' } },
  ]);
  expect(stderr).toMatch(
    new RegExp(`1 x network, the first at index 0: ${url}: .*ECONNREFUSED.*is the upstream up`),
  );
});

test('a body above the limit fails its job, and the way to raise the limit is named', async () => {
  const lines = [`${upstream.url}/bytes/2000`, `${upstream.url}/bytes/1000`];
  await using program = startSluice(['run', listFile(lines), '--max-body', '1KiB', ...allow]);
  const { code, stdout, stderr } = await program.exit();
  expect(code, stderr).toBe(2);
  expect(resultsOf(stdout)).toMatchObject([
    { outcome: 'too-large', attempts: 1, error: { code: 'SLUICE_TOO_LARGE' } },
    { outcome: 'response', bytes: 1000 },
  ]);
  expect(stderr).toMatch(/1 x too-large.*larger than 1024 bytes.*--max-body/);
});

test('an address that is not public is blocked unless it is allowed', async () => {
  await upstream.reset();
  await using program = startSluice(['run', list]);
  const { code, stderr } = await program.exit();
  expect(code, stderr).toBe(2);
  expect(stderr).toMatch(/1 x blocked.*--allow-net 127\.0\.0\.0\/8/);
  expect(await upstream.arrivals()).toEqual([]);
});
