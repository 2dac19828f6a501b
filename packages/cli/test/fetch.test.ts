import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runCommand, workspace } from '../../../test/lab/processes.ts';
import { startOwnRedis } from '../../../test/lab/redis.ts';
import { temporaryFolder } from '../../../test/lab/test-run.ts';
import { connect } from '../../producer/src/index.ts';
import { Rig, until } from '../../worker/test/rig.ts';
import { type CommandOptions, escape, runHere, uncoloured } from './io.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ policy: { retry: { base: 10, jitter: 0, attempts: 2 } } });
});
afterAll(async () => await rig[Symbol.asyncDispose]());

const run = (args: string[], options: CommandOptions = {}) =>
  runHere(args, {
    ...options,
    env: { SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: rig.prefix, ...options.env },
  });
const fetched = (path: string, ...more: string[]) =>
  run(['fetch', rig.url(path), '--queue', rig.queue, ...more]);

test('the body goes to a pipe as it came, and nothing else does', async () => {
  expect(await fetched('/status/200')).toEqual({ code: 0, stdout: '{"status":200}', stderr: '' });
  // A status that is not retried is a response.
  expect(await fetched('/status/404')).toEqual({ code: 0, stdout: '{"status":404}', stderr: '' });
});

test('method, headers and bodies are those of the options', async () => {
  const echoed = async (...more: string[]) =>
    JSON.parse((await fetched('/echo', ...more)).stdout) as {
      method: string;
      headers: Record<string, string>;
      body: string;
    };
  expect(await echoed('-X', 'DELETE', '-H', 'X-One: 1', '-H', 'x-two:2')).toMatchObject({
    method: 'DELETE',
    headers: { 'x-one': '1', 'x-two': '2' },
  });
  expect(await echoed('-d', 'a=1', '-d', 'b=2')).toMatchObject({
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a=1&b=2',
  });
  // As it was written: a double would round the number.
  expect(await echoed('--json-body', '{"n": 12345678901234567890}')).toMatchObject({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"n": 12345678901234567890}',
  });
  const typed = await run(['fetch', rig.url('/echo'), '--queue', rig.queue, '-d', '@-'], { input: 'typed' });
  expect(JSON.parse(typed.stdout)).toMatchObject({ body: 'typed' });
});

test('-i prints the status and the headers first, --json all of it as one object', async () => {
  const { stdout } = await fetched('/json', '-i');
  expect(stdout).toMatch(/^HTTP 200 OK\n(?:[a-z-]+: .*\n)+\n\{"ok":true/);
  const told = JSON.parse((await fetched('/json', '--json')).stdout) as Record<string, unknown>;
  expect(told).toMatchObject({ queue: 'q', status: 200, attempts: 1, url: rig.url('/json') });
  expect(JSON.parse(told['body'] as string)).toMatchObject({ text: 'Grüße' });
  const bytes = JSON.parse((await fetched('/bytes/300', '--json')).stdout) as { bodyBase64: string };
  expect(Buffer.from(bytes.bodyBase64, 'base64')).toHaveLength(300);
});

test('-o writes the bytes to a file, one of the folder in which npm was typed', async () => {
  const folder = temporaryFolder('fetch');
  const env = { INIT_CWD: folder, npm_lifecycle_script: 'sluice' };
  const args = ['fetch', rig.url('/bytes/100000'), '--queue', rig.queue, '-o', 'body.bin'];
  expect(await run(args, { env })).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(readFileSync(join(folder, 'body.bin'))).toHaveLength(100_000);
  const bad = await fetched('/json', '-o', join(folder, 'nowhere', 'x'));
  expect(bad.code).toBe(1);
  expect(bad.stderr).toMatch(/^sluice: --output: cannot write .*: no such file or directory\n$/);
});

test('--fail is 22 from 400 on, without the body; a status that was retried in vain is one, too', async () => {
  expect(await fetched('/status/404', '--fail')).toEqual({
    code: 22,
    stdout: '',
    stderr: 'sluice: the response has status 404\n',
  });
  expect(await fetched('/status/204', '--fail')).toMatchObject({ code: 0 });
  const retried = await fetched('/status/503');
  expect(retried).toMatchObject({ code: 0, stdout: '{"status":503}' });
  expect(retried.stderr).toMatch(/^sluice: job \S+: .*503/);
  expect(await fetched('/status/503', '-f')).toMatchObject({ code: 22, stdout: '' });
});

test('a job that ends without a response is exit code 2, with its id, its code and its reason', async () => {
  const blocked = await fetched('/redirect-to?url=http://10.0.0.1/');
  expect(blocked).toMatchObject({ code: 2, stdout: '' });
  expect(blocked.stderr).toMatch(/^sluice: job \S+: SLUICE_BLOCKED: .*10\.0\.0\.1/);
  const late = await fetched('/delay/600000', '--timeout', '50ms', '--json');
  expect(late.code).toBe(2);
  expect(JSON.parse(late.stdout)).toMatchObject({ outcome: 'timeout', error: { code: 'SLUICE_TIMEOUT' } });
});

test('a queue without a worker ends the wait at the deadline', async () => {
  await using idle = await Rig.open({ idle: true });
  const env = { SLUICE_PREFIX: idle.prefix };
  const late = await run(['fetch', 'http://a.test/', '--queue', 'q', '--deadline', '300ms'], { env });
  expect(late.code).toBe(2);
  expect(late.stderr).toMatch(/SLUICE_EXPIRED: .*is there one that serves queue "q"/);
  expect((await idle.sluice.queues.show('q')).counts.waiting).toBe(0);
});

test('a Redis that goes away meanwhile ends the wait, not the job', async () => {
  await using own = await startOwnRedis();
  const client = await connect({ redis: own.url });
  await client.policies.set('q', {});
  const running = runHere(['fetch', 'http://a.test/', '--queue', 'q', '--redis', own.url]);
  await until(async () => (await client.queues.show('q')).counts.waiting === 1);
  const [id] = await client.queues.jobs('q', 'waiting', 1);
  await client.close();
  await own.stop();
  const { code, stdout, stderr } = await running;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^sluice: redis:\S+ does not answer .*\n$/);
  expect(stderr).toContain(`The job goes on: ${id}`);
});

test('a reader that leaves early is no fault worth a message', async () => {
  const main = join(workspace, 'packages/cli/src/main.ts');
  const place = `--redis ${inject('redisUrl')} --prefix '${rig.prefix}' --queue q`;
  const sluice = `${process.execPath} --conditions=sluice-source ${main} fetch ${rig.url('/bytes/5000000')} ${place}`;
  const { stdout, stderr } = await runCommand('sh', ['-c', `${sluice} | head -c 10`]);
  expect({ length: stdout.length > 0, stderr }).toEqual({ length: true, stderr: '' });
});

test('Ctrl-C cancels the job', async () => {
  const stop = new AbortController();
  const path = '/delay/600000?case=stopped';
  const running = run(['fetch', rig.url(path), '--queue', rig.queue], { interrupt: stop.signal });
  await until(async () => (await rig.upstream.arrivals()).some((arrival) => arrival.path === path));
  stop.abort(130);
  expect(await running).toMatchObject({ code: 130, stdout: '' });
  await until(async () => (await rig.sluice.queues.show(rig.queue)).counts.active === 0);
});

test('on a terminal a body cannot steer it, and bytes are not printed', async () => {
  const terminal = (path: string) => run(['fetch', rig.url(path), '--queue', rig.queue], { columns: 80 });
  expect(uncoloured((await terminal('/json')).stdout)).toContain('"ok":true');
  const bytes = await terminal('/bytes/3000');
  expect(bytes.stdout).toBe('');
  expect(bytes.stderr).toContain('the body (3000 bytes) is not text; write it to a file with -o');
  const hostile = await terminal(`/status/200?header=x:1&redirect=${encodeURIComponent(escape)}`);
  expect(hostile.stdout).not.toContain(escape);
});

test.each([
  [['not-a-url'], /"not-a-url" is not an absolute URL/],
  [['http://a.test/', '-H', 'nonsense'], /--header: "nonsense" is not a header/],
  [['http://a.test/', '--timeout', '30'], /--timeout: "30" is not a duration/],
  [['http://a.test/', '--json-body', '{'], /--json-body: is not JSON/],
  [['http://a.test/', '-d', '@/nowhere/x'], /--data: cannot read \/nowhere\/x: no such file/],
  [['http://a.test/', '-X', 'GET', '-d', 'x'], /a GET request has no body/],
  [['http://a.test/', '-d', 'x', '--json-body', '1'], /cannot be used with option/],
  [['http://a.test/', '--queue', 'nowhere'], /there is no queue "nowhere" here; the queues are: q/],
  [[], /missing required argument 'url'/],
])('bad input %j gives a sentence, and nothing is sent', async (args, sentence) => {
  const { code, stdout, stderr } = await run([
    'fetch',
    ...(args.includes('--queue') ? [] : ['--queue', 'q']),
    ...args,
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(sentence);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(existsSync('/nowhere')).toBe(false);
});
