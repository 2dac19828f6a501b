import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';
import { type Grant, type Sluice, connect } from '../../producer/src/index.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { type App, ByKey, type ServerParts, buildServer, openGatewayRedis } from '../src/index.ts';
import { FailedTries } from '../src/auth/failed-tries.ts';

/** A gateway that asks for keys. */
async function serve(client: Sluice, parts: Partial<ServerParts> = {}): Promise<{ app: App; url: string }> {
  const byKey = new ByKey(client);
  const { authenticate } = byKey;
  const answered = (request: Parameters<typeof byKey.answered>[0]) => byKey.answered(request);
  const app = await buildServer({
    sluice: client,
    authenticate,
    answered,
    logger: pino({ level: 'silent' }),
    ...parts,
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
}

let rig: Rig;
let client: Sluice;
let served: Awaited<ReturnType<typeof serve>>;
let redis: Awaited<ReturnType<typeof openGatewayRedis>>;
beforeAll(async () => {
  rig = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
  client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, whenDown: 'fail' });
  redis = await openGatewayRedis(inject('redisUrl'), rig.prefix);
  served = await serve(client, { redis });
});
afterAll(async () => {
  await served.app.close();
  redis.client.disconnect();
  await client.close();
  await rig[Symbol.asyncDispose]();
});

const tokenFor = async (...grants: Grant[]) => (await rig.sluice.keys.create({ name: 't', grants })).token;

async function call(method: string, path: string, token: string | null, json?: unknown, { url } = served) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, body };
}

test('a key is needed, and lets its holder do what it says and no more', async () => {
  expect(await call('GET', '/v1/queues', null)).toMatchObject({
    status: 401,
    body: { code: 'SLUICE_UNAUTHENTICATED' },
  });
  const token = await tokenFor({ queues: ['q'], scopes: ['read', 'enqueue'] });
  expect(await call('GET', '/v1/queues/q', token)).toMatchObject({ status: 200 });
  for (const [method, path, json] of [
    ['GET', '/v1/queues/other'],
    ['POST', '/v1/queues/q/pause'],
    ['PATCH', '/v1/queues/q', { rate: '2/1h' }],
    ['GET', '/v1/keys'],
    ['GET', '/v1/audit'],
  ] as const) {
    expect(await call(method, path, token, json), path).toMatchObject({
      status: 403,
      body: { code: 'SLUICE_FORBIDDEN' },
    });
  }
});

test('keys are managed over HTTP by who has the scope, and the audit log has who did what', async () => {
  const admin = await tokenFor({ queues: ['q'], scopes: ['keys', 'operate', 'read'] });
  const adminId = admin.split('_')[1];
  const grants = [{ queues: ['q'], scopes: ['read'] }];
  const made = await call('POST', '/v1/keys', admin, { name: 'reader', grants });
  expect(made.status).toBe(201);
  expect(made.headers.get('cache-control')).toBe('no-store');
  const { key, token } = made.body as { key: { id: string }; token: string };
  expect(await call('GET', '/v1/queues/q', token)).toMatchObject({ status: 200 });
  const more = { name: 'x', grants: [{ queues: ['q'], scopes: ['policy'] }] };
  expect(await call('POST', '/v1/keys', admin, more)).toMatchObject({
    status: 403,
    body: { detail: 'you cannot grant what you lack: q: policy' },
  });
  const bad = await call('POST', '/v1/keys', admin, { name: '', grants: [] });
  expect(bad.body['faults']).toMatchObject([{ pointer: '#/name' }, { pointer: '#/grants' }]);
  const rotated = await call('POST', `/v1/keys/${key.id}/rotate?grace=0s`, admin);
  const second = rotated.body as { token: string };
  expect(await call('GET', '/v1/queues/q', second.token)).toMatchObject({ status: 200 });
  const listed = (await call('GET', '/v1/keys', admin)).body as { keys: { id: string }[] };
  expect(listed.keys.map(({ id }) => id)).toContain(key.id);
  expect(JSON.stringify(listed)).not.toMatch(/sha256/i);
  await call('POST', '/v1/queues/q/pause', admin);
  await call('POST', '/v1/queues/q/resume', admin);
  const audit = (await call('GET', '/v1/audit', admin)).body as { items: Record<string, string>[] };
  expect(audit.items.map(({ action, actor }) => [action, actor]).slice(0, 2)).toEqual([
    ['queue.resume', `key:${adminId}`],
    ['queue.pause', `key:${adminId}`],
  ]);
  // Those of keys are for who has the scope for all queues.
  expect(audit.items.some(({ action }) => action?.startsWith('key.'))).toBe(false);
  const all = await tokenFor({ queues: ['*'], scopes: ['keys', 'operate'] });
  const every = (await call('GET', `/v1/audit?actor=key:${adminId}`, all)).body as typeof audit;
  expect(every.items.map(({ action }) => action)).toEqual([
    'queue.resume',
    'queue.pause',
    'key.rotate',
    'key.create',
  ]);
  expect(await call('DELETE', `/v1/keys/${key.id}`, admin)).toMatchObject({ status: 204 });
});

test('a revoked key is refused within 2 s, and what it has open is cut off', async () => {
  await rig.sluice.enqueue({ url: 'http://a.test/', id: 'first' });
  const token = await tokenFor({ queues: ['q'], scopes: ['enqueue', 'read', 'payload'] });
  await call('POST', '/v1/queues/q/jobs', token, { url: 'http://a.test/', id: 'waits' });
  const open = call('GET', '/v1/queues/q/jobs/waits/result?wait=25', token).then(
    () => 'answered',
    () => 'cut off',
  );
  expect(await call('GET', '/v1/queues/q', token)).toMatchObject({ status: 200 });
  await rig.sluice.keys.revoke(token.split('_')[1]!);
  const revokedAt = performance.now();
  // One that is under way when the gateway hears of it is cut off, too.
  const isRefused = () => call('GET', '/v1/queues/q', token).then(({ status }) => status === 401);
  await until(async () => await isRefused().catch(() => false));
  expect(await open).toBe('cut off');
  // Long before the wait's own end, on a slow machine, too.
  expect(performance.now() - revokedAt).toBeLessThan(20_000);
});

test('a key with `enqueue` alone reads the outcomes of its own jobs and batches, not those of others', async () => {
  const mine = await tokenFor({ queues: ['q'], scopes: ['enqueue'] });
  const other = await tokenFor({ queues: ['q'], scopes: ['enqueue', 'read', 'cancel'] });
  const auditor = await tokenFor({ queues: ['q'], scopes: ['enqueue', 'payload', 'cancel'] });
  const spec = { url: 'http://a.test/mine', id: 'mine' };
  expect(await call('POST', '/v1/queues/q/jobs', mine, spec)).toMatchObject({ status: 202 });
  const read = (token: string) => call('GET', '/v1/queues/q/jobs/mine/result?wait=0', token);
  expect(await read(mine)).toMatchObject({ status: 202 });
  expect(await read(other)).toMatchObject({ status: 403, body: { code: 'SLUICE_FORBIDDEN' } });
  expect(await read(auditor)).toMatchObject({ status: 202 });
  // With another request it is refused, and is still not his.
  expect(await call('POST', '/v1/queues/q/jobs', other, { ...spec, url: 'http://a.test/' })).toMatchObject({
    status: 409,
  });
  expect(await read(other)).toMatchObject({ status: 403 });
  await call('DELETE', '/v1/queues/q/jobs/mine', other);
  expect(await read(mine)).toMatchObject({ status: 200, body: { outcome: { kind: 'cancelled' } } });
  expect(await read(other)).toMatchObject({ status: 403 });

  const batch = { name: 'mine' };
  expect(await call('POST', '/v1/queues/q/batches', mine, batch)).toMatchObject({ status: 201 });
  expect(await call('POST', '/v1/queues/q/batches', other, batch)).toMatchObject({ status: 403 });
  await rig.sluice.batch('theirs').bind('q');
  expect(await call('POST', '/v1/queues/q/batches', mine, { name: 'theirs' })).toMatchObject({ status: 403 });
  for (const [token, status] of [
    [mine, 200],
    [other, 403],
    [auditor, 200],
  ] as const) {
    expect(await call('GET', '/v1/queues/q/batches/mine/results', token)).toMatchObject({ status });
  }
});

test('a key has a rate, which all gateways count together', async () => {
  const keyRate = { limit: 5, per: 3_600_000 };
  const gateways = [await serve(client, { redis, keyRate }), await serve(client, { redis, keyRate })];
  const [token, other] = [
    await tokenFor({ queues: ['q'], scopes: ['read'] }),
    await tokenFor({ queues: ['q'], scopes: ['read'] }),
  ];
  const answers = [];
  for (let n = 0; n < 7; n++)
    answers.push(await call('GET', '/v1/queues/q', token, undefined, gateways[n % 2]));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429]);
  expect(answers[5]).toMatchObject({ body: { code: 'SLUICE_TOO_MANY_REQUESTS', status: 429 } });
  const seconds = Number(answers[5]!.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(3000);
  expect(seconds).toBeLessThanOrEqual(3600);
  expect(await call('GET', '/v1/queues/q', other, undefined, gateways[0])).toMatchObject({ status: 200 });
  for (const { app } of gateways) await app.close();
});

test('after 10 tries of one address with one key id it has to wait a minute; others do not', async () => {
  const token = await tokenFor({ queues: ['q'], scopes: ['read'] });
  const other = await tokenFor({ queues: ['q'], scopes: ['read'] });
  const wrong = token.slice(0, -43) + other.slice(-43);
  for (let tries = 0; tries < 10; tries++)
    expect(await call('GET', '/v1/queues/q', wrong)).toMatchObject({ status: 401 });
  const late = await call('GET', '/v1/queues/q', wrong);
  expect(late).toMatchObject({ status: 429, body: { code: 'SLUICE_TOO_MANY_REQUESTS' } });
  expect(late.headers.get('retry-after')).toBe('60');
  expect(await call('GET', '/v1/queues/q', other)).toMatchObject({ status: 200 });

  let now = 0;
  const tries = new FailedTries(() => now);
  for (let n = 0; n < 10; n++) tries.failed('a', 'k');
  expect([tries.waitMs('a', 'k'), tries.waitMs('b', 'k'), tries.waitMs('a', 'l')]).toEqual([60_000, 0, 0]);
  now = 60_000;
  expect(tries.waitMs('a', 'k')).toBe(0);
});

test.skipIf(!installedServer())('while Redis is away nobody is known: 503, and not 401', async () => {
  await using redis = await startOwnRedis();
  const away = await connect({ redis: redis.url, whenDown: 'fail' });
  const { token } = await away.keys.create({ name: 't', grants: [{ queues: ['*'], scopes: ['read'] }] });
  const own = await openGatewayRedis(redis.url, '{sluice}');
  const { app, url } = await serve(away, { redis: own, keyRate: { limit: 1000, per: 1000 } });
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(`${url}/v1/queues`, { headers })).status).toBe(200);
  await redis.stop();
  const response = await fetch(`${url}/v1/queues`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).not.toBeNull();
  expect(await response.text()).not.toContain(redis.url.slice('redis://'.length));
  await app.close();
  own.client.disconnect();
  await away.close();
});
