import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../packages/producer/src/index.ts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { worstWindow } from '../lab/measure/window.ts';
import { startCommand, startProgram } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';
import { keysWith, listFile, resultsOf, sluice, startSluice } from './sluice.ts';

const allow = ['--allow-net', '127.0.0.0/8'];
const redis = inject('redisUrl');
let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream();
});
afterAll(() => upstream.close());

const items = (count: number) => Array.from({ length: count }, (_, n) => `${upstream.url}/item/${n}`);

test('a list goes through a private Redis and two workers inside its rate, and nothing is left behind', async () => {
  await upstream.reset();
  const out = join(temporaryFolder('out'), 'results.jsonl');
  const args = [
    'run',
    listFile(items(250)),
    '--rate',
    '100/1s',
    '--out',
    out,
    '--json',
    '--workers',
    '2',
    ...allow,
  ];
  await using program = startSluice(args);
  const { code, stdout, stderr } = await program.exit();
  expect(stderr).toContain('250 jobs: 250 completed, 0 failed');
  expect(code).toBe(0);

  const results = resultsOf(readFileSync(out, 'utf8'));
  expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 250 }, (_, n) => n));
  expect(results[7]).toMatchObject({
    url: `${upstream.url}/item/7`,
    outcome: 'response',
    status: 200,
    attempts: 1,
    bytes: 1024,
  });
  expect(JSON.parse(stdout)).toMatchObject({
    jobs: 250,
    completed: 250,
    failed: 0,
    requests: 250,
    rateLimited: 0,
  });

  const arrivals = await upstream.arrivals();
  expect(arrivals).toHaveLength(250);
  // A busy machine hands a request to the upstream later than the slack of 30 ms allows for; a tenth of a second is ample.
  const times = arrivals.map(({ t }) => t);
  expect(worstWindow(times, 1000 - 100).count).toBeLessThanOrEqual(100);
  expect(program.descendants()).toEqual([]);
  expect(readdirSync(program.temporary)).toEqual([]);
});

test('standard input holds URLs, jobs as JSON, comments and blank lines; bodies come as text or base64', async () => {
  const job = { url: `${upstream.url}/echo`, method: 'PUT', headers: { 'x-a': 'b' }, body: 'Grüße' };
  const input = `\uFEFF# a list\n\n${upstream.url}/json\r\n  ${JSON.stringify(job)}\n${upstream.url}/bytes/300`;
  const { code, stdout } = await sluice(['run', '-', '--workers', '1', '--bodies', '--quiet', ...allow], {
    input,
  });
  expect(code).toBe(0);
  const [json, echo, bytes] = resultsOf(stdout);
  expect(JSON.parse(json!.body!)).toMatchObject({ ok: true });
  expect(JSON.parse(echo!.body!)).toMatchObject({ method: 'PUT', headers: { 'x-a': 'b' }, body: 'Grüße' });
  expect(bytes!.body).toBeUndefined();
  expect(Buffer.from(bytes!.bodyBase64!, 'base64')).toHaveLength(300);
});

test('a 404 is a response, a lasting 500 is a failure: exit code 2, and the summary says which', async () => {
  const list = listFile([`${upstream.url}/status/404`, `${upstream.url}/status/500`]);
  const { code, stdout, stderr } = await sluice(['run', list, '--attempts', '1', ...allow]);
  expect(code).toBe(2);
  expect(stderr).toContain('2 jobs: 1 completed, 1 failed');
  expect(stderr).toContain('1 x http-error, the first at index 1');
  expect(resultsOf(stdout)).toMatchObject([
    { outcome: 'response', status: 404 },
    { outcome: 'http-error', status: 500, error: { code: 'SLUICE_HTTP_ERROR' } },
  ]);
});

test('a passing failure is retried', async () => {
  const { code, stdout } = await sluice(['run', '-', '--quiet', ...allow], {
    input: `${upstream.url}/status/503?times=1&case=${randomUUID()}`,
  });
  expect(code).toBe(0);
  expect(resultsOf(stdout)).toMatchObject([{ outcome: 'response', status: 200, attempts: 2 }]);
});

test('a list without jobs is done at once', async () => {
  const { code, stdout, stderr } = await sluice(['run', listFile(['# nothing']), '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ jobs: 0, completed: 0, failed: 0 });
  expect(stderr).toContain('nothing to do');
});

/** What a run has left of a prefix, but for the audit log, which tells of it. */
const leftOf = async (prefix: string) =>
  (await keysWith(redis, prefix)).filter((key) => !key.startsWith(`${prefix}/audit`));

test('on a Redis that others use, the run leaves no key behind', async () => {
  const prefix = `{run-${randomUUID()}}`;
  const args = ['run', listFile(items(20)), '--redis', redis, '--prefix', prefix, '--quiet', ...allow];
  expect((await sluice(args)).code).toBe(0);
  expect(await leftOf(prefix)).toEqual([]);
});

test('--queue with --workers 0 uses the policy and the workers that are there', async () => {
  const prefix = `{run-${randomUUID()}}`;
  await using client = await connect({ redis, prefix });
  await client.policies.set('partner', { rate: '200/1s', egress: { allow: ['127.0.0.0/8'] } });
  const env = { SLUICE_REDIS_URL: redis, SLUICE_PREFIX: prefix, SLUICE_HEALTH_PORT: '0' };
  await using worker = startProgram('packages/worker/src/main.ts', [], { env });
  await worker.line('started');

  const args = ['run', listFile(items(30)), '--redis', redis, '--prefix', prefix, '--queue', 'partner'];
  const run = await sluice([...args, '--workers', '0', '--json']);
  expect(run.stderr).toContain('30 completed');
  expect(JSON.parse(run.stdout)).toMatchObject({ jobs: 30, completed: 30, requests: 30 });
  // Counted from the start of the run, not of the queue.
  const again = await sluice([...args, '--workers', '0', '--rate', '200/1s', '--json', '--quiet']);
  expect(JSON.parse(again.stdout)).toMatchObject({ completed: 30, requests: 30 });

  const other = await sluice([...args, '--rate', '100/60s', '--attempts', '2']);
  expect(other.code).toBe(1);
  expect(other.stderr).toMatch(
    /queue "partner" has another policy \(.*rate\.limit: 200 -> 100.*retry\.attempts: 6 -> 2/,
  );
  expect(await client.policies.read('partner')).toMatchObject({
    rate: { limit: 200 },
    retry: { attempts: 6 },
  });
});

test('with --workers 0 and no other workers, it says so, and Ctrl-C takes everything back', async () => {
  const prefix = `{run-${randomUUID()}}`;
  const args = ['run', listFile(items(5)), '--redis', redis, '--prefix', prefix, '--workers', '0'];
  await using program = startSluice(args);
  expect(await program.line('nothing has happened')).toContain('no worker seems to serve queue "run-');
  program.signal('SIGINT');
  expect(await program.exit()).toMatchObject({ code: 130 });
  expect(await leftOf(prefix)).toEqual([]);
});

test('a killed worker is replaced, and its jobs are still performed', { timeout: 90_000 }, async () => {
  await using program = startSluice([
    'run',
    listFile(items(200)),
    '--rate',
    '20/1s',
    '--workers',
    '2',
    '--json',
    ...allow,
  ]);
  await expect.poll(() => program.descendants().filter(isWorker).length, { timeout: 15_000 }).toBe(2);
  await program.line('(');
  process.kill(program.descendants().find(isWorker)!.pid, 'SIGKILL');
  await program.line('a worker ended unexpectedly (SIGKILL)');
  const { code, stdout } = await program.exit();
  expect(JSON.parse(stdout)).toMatchObject({ jobs: 200, completed: 200, failed: 0 });
  expect(code).toBe(0);
  expect(program.descendants()).toEqual([]);
});

const isWorker = ({ command }: { command: string }) => /worker\/(src\/)?main\./.test(command);

test('a private Redis that dies ends the run, with a message', async () => {
  await using program = startSluice(['run', listFile(items(200)), '--rate', '5/1s', '--quiet', ...allow]);
  await program.line('"index":3');
  const server = program.descendants().find(({ command }) => /^(redis|valkey)-server/.test(command));
  process.kill(server!.pid, 'SIGKILL');
  const { code, stderr } = await program.exit();
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the private Redis ended unexpectedly') as string,
  });
  expect(program.descendants()).toEqual([]);
});

test('a reader that stops reading ends the run', async () => {
  const list = listFile(items(3000));
  const shell = `"$0" --conditions=sluice-source packages/cli/src/main.ts run ${list} --rate 100/1s --quiet --allow-net 127.0.0.0/8 | head -n 1`;
  const env = { SLUICE_REDIS_URL: undefined };
  await using program = startCommand('sh', ['-c', shell, process.execPath], { env, patience: 20_000 });
  const { stdout, stderr } = await program.exit();
  expect(resultsOf(stdout)).toHaveLength(1);
  expect(stderr).toBe('');
});
