import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, inject, test } from 'vitest';
import { connect } from '../../packages/producer/src/index.ts';
import { freePort } from '../lab/free-port.ts';
import { startOwnRedis } from '../lab/own-redis.ts';
import { runCommand, workspace } from '../lab/processes.ts';
import { startUpstream } from '../lab/upstream/server.ts';
import { until } from './fleet.ts';
import { sluice, startSluice } from './sluice.ts';

/** `sluice gateway` in front of a queue. @param workers that serve it */
async function served(redis: string, workers = 0) {
  const prefix = `{t-${randomUUID()}}`;
  const client = await connect({ redis, prefix, queue: 'api', rate: '100/s' });
  const healthPort = await freePort();
  const places = ['--redis', redis, '--prefix', prefix];
  const args = [...places, '--port', '0', '--health-port', String(healthPort)];
  const program = startSluice(['gateway', ...args, '--grace', '5s']);
  const { url } = JSON.parse(await program.line('"started"')) as { url: string };
  const started = Array.from({ length: workers }, () =>
    startSluice(['worker', ...places, '--health-port', '0']),
  );
  await Promise.all(started.map((worker) => worker.line('"started"')));
  const ready = async () => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).status;
  return {
    client,
    program,
    url,
    ready,
    queue: `${url}/v1/queues/api`,
    async [Symbol.asyncDispose]() {
      await Promise.all([program, ...started].map((one) => one.kill()));
      await client.close();
    },
  };
}

const post = (url: string, spec: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(spec),
  });

const spec = { url: 'https://example.com/' };

test('sluice gateway serves; SIGTERM: not ready, then open waits are told where to ask again, then exit code 0', async () => {
  await using scene = await served(inject('redisUrl'));
  expect(await scene.ready()).toBe(200);
  expect((await fetch(`${scene.url}/openapi.json`)).status).toBe(200);
  expect((await fetch(`${scene.url}/docs/`)).status).toBe(200);
  const waiting = post(`${scene.queue}/fetch`, spec);
  await until(async () => (await scene.client.queues.show('api')).counts.waiting === 1);
  scene.program.signal('SIGTERM');
  await until(async () => (await scene.ready()) === 503);
  // Load balancers still send requests here, until they have heard of it.
  expect((await fetch(scene.queue)).status).toBe(200);
  const answer = await waiting;
  expect(answer.status).toBe(202);
  expect(answer.headers.get('location')).toMatch(/^\/v1\/queues\/api\/jobs\//);
  const { code, stdout, stderr } = await scene.program.exit();
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).not.toContain('example.com');
});

test('while Redis is away, answers 503 within 1.5 s, and names no address of it', async () => {
  await using redis = await startOwnRedis();
  await using scene = await served(redis.url);
  await redis.kill('SIGSTOP');
  const began = performance.now();
  const frozen = await post(`${scene.queue}/jobs`, spec);
  const took = performance.now() - began;
  expect(frozen.status).toBe(503);
  expect(frozen.headers.get('retry-after')).toBe('2');
  const problem = await frozen.text();
  expect(JSON.parse(problem)).toMatchObject({
    code: 'SLUICE_REDIS_UNREACHABLE',
    detail: expect.stringContaining('the same Idempotency-Key') as unknown,
  });
  expect(problem).not.toContain(String(redis.port));
  expect(took).toBeLessThan(5000);
  expect(await scene.ready()).toBe(503);
  await redis.kill('SIGCONT');
  await until(async () => (await post(`${scene.queue}/jobs`, spec)).status === 202);
});

test.skipIf(spawnSync('curl', ['--version']).status !== 0)(
  'examples/http/jobs.sh prints what its last comment says',
  async () => {
    await using upstream = await startUpstream();
    await using scene = await served(inject('redisUrl'), 1);
    // Only an operator opens the way to addresses inside; the example keeps what it finds.
    await scene.client.policies.set('example', { egress: { allow: ['127.0.0.0/8'] } });
    const file = join(workspace, 'examples/http/jobs.sh');
    const env = { GATEWAY: scene.url, UPSTREAM: upstream.url };
    const { code, stdout, stderr } = await runCommand('sh', [file], { env });
    const [, comment] = /^# Output:\n((?:# .*\n)+)$/m.exec(readFileSync(file, 'utf8')) ?? [];
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Its queue is there already.
    expect(stdout).toBe(comment!.replaceAll(/^# /gm, '').replace('created', 'changed'));
  },
);

test('what is not HTTP is a problem, too', async () => {
  await using scene = await served(inject('redisUrl'));
  const socket = connectSocket(Number(new URL(scene.url).port), '127.0.0.1');
  socket.write('HELLO\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ code: 'SLUICE_INVALID_REQUEST' });
});

test('without keys it is not opened to the network; faults have the names that were typed', async () => {
  const place = ['--redis', inject('redisUrl'), '--health-port', '0'];
  const opened = await sluice(['gateway', ...place, '--host', '0.0.0.0', '--port', '0']);
  expect(opened).toMatchObject({ code: 1, stdout: '' });
  expect(opened.stderr).toMatch(/^sluice: without keys the gateway listens on the loopback only.*\n$/);
  const faulty = await sluice(['gateway', '--port', 'x', '--grace', '30']);
  expect(faulty.code).toBe(1);
  expect(faulty.stderr).toMatch(/^sluice: the gateway's settings have faults: .*--port: must be a number/);
  expect(faulty.stderr).toMatch(/--grace: "30" is not a duration/);
});
