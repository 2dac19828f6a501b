import { connect as connectSocket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { startOwnRedis } from '../lab/own-redis.ts';
import { until } from './fleet.ts';
import { imageFlags, upload } from './gateway-upload.ts';
import { served } from './gateway.ts';
import { sluice, startSluice } from './sluice.ts';

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

test('what is not HTTP is a problem, too', async () => {
  await using scene = await served(inject('redisUrl'));
  const socket = connectSocket(Number(new URL(scene.url).port), '127.0.0.1');
  socket.write('HELLO\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ code: 'SLUICE_INVALID_REQUEST' });
});

test('opened to the network it asks for keys; faults have the names that were typed', async () => {
  const place = ['--redis', inject('redisUrl'), '--health-port', '0'];
  await using opened = startSluice(['gateway', ...place, '--host', '0.0.0.0', '--port', '0']);
  const { url } = JSON.parse(await opened.line('"started"')) as { url: string };
  expect((await fetch(`${url.replace('0.0.0.0', '127.0.0.1')}/v1/queues`)).status).toBe(401);
  const faulty = await sluice(['gateway', '--port', 'x', '--grace', '30']);
  expect(faulty.code).toBe(1);
  expect(faulty.stderr).toMatch(/^sluice: the gateway's settings have faults: .*--port: must be a number/);
  expect(faulty.stderr).toMatch(/--grace: "30" is not a duration/);
});

test('an upload that is longer than the memory of the gateway goes through it', async () => {
  await using redis = await startOwnRedis();
  // About 50 MB more than it has at the start; the lines are 72 MB.
  const NODE_OPTIONS = `${imageFlags} --max-old-space-size=90`;
  await using scene = await served(redis.url, 0, { NODE_OPTIONS });
  const count = 3000;
  const lines = function* () {
    const body = 'x'.repeat(24_000);
    for (let n = 0; n < count; n += 1)
      yield JSON.stringify({ url: `https://example.com/${n}`, method: 'POST', body });
  };
  const { answer } = await upload(scene, 'jobs/batch?batch=long', lines());
  expect(answer).toMatchObject({ added: count, faulty: 0, sealed: true });
});

test('while Redis is full, answers 503 and accepts nothing; lines of an upload are not lost unsaid', async () => {
  await using redis = await startOwnRedis();
  await using scene = await served(redis.url);
  const admin = new Redis(redis.url);
  try {
    await admin.config('SET', 'maxmemory', '1mb');
    await until(async () => (await post(`${scene.queue}/jobs`, spec)).status === 503);
    const full = await post(`${scene.queue}/jobs`, spec);
    expect(await full.json()).toMatchObject({ status: 503, code: 'SLUICE_REDIS_FULL' });
    expect(full.headers.get('retry-after')).not.toBeNull();
    const { waiting } = (await scene.client.queues.show('api')).counts;
    const { answer } = await upload(scene, 'jobs/batch?batch=full', [JSON.stringify(spec)]);
    expect(answer).toMatchObject({ status: 503, code: 'SLUICE_REDIS_FULL' });
    expect((await scene.client.queues.show('api')).counts.waiting).toBe(waiting);
    await admin.config('SET', 'maxmemory', '0');
    await until(async () => (await post(`${scene.queue}/jobs`, spec)).status === 202);
  } finally {
    admin.disconnect();
  }
});
