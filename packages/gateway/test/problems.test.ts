import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Sluice, connect } from '../../producer/src/index.ts';
import { type App, buildServer, open } from '../src/index.ts';
import { isTooDeep } from '../src/limits/before-parsing.ts';

let sluice: Sluice;
let app: App;

beforeAll(async () => {
  sluice = await connect({ redis: inject('redisUrl'), prefix: '{t-problems}' });
  app = await buildServer({ sluice, authenticate: open, logger: pino({ level: 'silent' }) });
});

afterAll(async () => {
  await app.close();
  await sluice.close();
});

test.each([
  ['a path that is not there', 'GET', '/nope', 404, 'SLUICE_NOT_FOUND'],
  ['a method that a path does not have', 'DELETE', '/v1/queues', 405, 'SLUICE_METHOD_NOT_ALLOWED'],
  ['a path that cannot be decoded', 'GET', '/a%zz', 400, 'SLUICE_INVALID_REQUEST'],
  ['a name that no queue can have', 'GET', '/v1/queues/a:b', 400, 'SLUICE_INVALID_REQUEST'],
  ['a queue without a policy', 'GET', '/v1/queues/none', 404, 'SLUICE_POLICY_MISSING'],
] as const)('%s is a problem', async (_, method, url, status, code) => {
  const answer = await app.inject({ method, url, headers: { host: 'localhost' } });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({
    status,
    code,
    type: expect.stringMatching(/\/docs\/errors\.md#/) as unknown,
    instance: `urn:sluice:request:${String(answer.headers['x-request-id'])}`,
  });
  expect(answer.statusCode).toBe(status);
});

test('what is too long or too deep is refused before it is parsed', async () => {
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  const long = await app.inject({ method: 'GET', url: `/v1/queues?x=${'x'.repeat(8000)}`, headers });
  expect([long.statusCode, long.json<{ code: string }>().code]).toEqual([414, 'SLUICE_URL_TOO_LONG']);
  const deep = `{"url": "http://a.test/", "json": ${'['.repeat(5000)}${']'.repeat(5000)}}`;
  const answer = await app.inject({ method: 'POST', url: '/v1/queues/q/jobs', headers, payload: deep });
  expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([
    400,
    'the body is nested more than 1010 deep',
  ]);
});

test('the depth of JSON is told without parsing it', () => {
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1${']}'.repeat(depth / 2)}`;
  expect([isTooDeep(nested(10), 10), isTooDeep(nested(12), 10)]).toEqual([false, true]);
  // Brackets in strings are text, whatever is escaped before their end.
  const text = JSON.stringify({ a: `${'['.repeat(100)}"\\`, b: '\\', c: ['"[[[[[[[[[[[["'] });
  expect(isTooDeep(text, 2)).toBe(false);
  expect(isTooDeep(`${text.slice(0, -1)}, "d": [[1]]}`, 2)).toBe(true);
  // Siblings do not add up, and what is no JSON is for the parser to refuse.
  expect(isTooDeep(`[${'[],'.repeat(100)}[]]`, 2)).toBe(false);
  expect(isTooDeep('"'.padEnd(100, '['), 2)).toBe(false);
});

test('the address of a caller is what a trusted proxy says, and nobody else', async () => {
  const seen: string[] = [];
  const serveWith = async (trustedProxies: readonly string[]) => {
    const one = await buildServer({
      sluice,
      authenticate: (request) => {
        seen.push(request.ip);
        return open(request);
      },
      logger: pino({ level: 'silent' }),
      trustedProxies,
    });
    const headers = { host: 'localhost', 'x-forwarded-for': '192.0.2.7', 'x-forwarded-host': 'evil.example' };
    const { statusCode } = await one.inject({ method: 'GET', url: '/v1/workers', headers });
    expect(statusCode).toBe(200);
    // Whoever says that he came through a proxy is not let in for it.
    const rebound = { host: 'evil.example', 'x-forwarded-host': 'localhost' };
    const answer = await one.inject({ method: 'GET', url: '/v1/workers', headers: rebound });
    expect(answer.statusCode).toBe(401);
    await one.close();
  };
  await serveWith([]);
  await serveWith(['127.0.0.0/8']);
  await serveWith(['10.0.0.0/8']);
  expect(seen).toEqual(['127.0.0.1', '127.0.0.1', '192.0.2.7', '127.0.0.1', '127.0.0.1', '127.0.0.1']);
});

test('says which methods a path has', async () => {
  const answer = await app.inject({ method: 'DELETE', url: '/v1/queues', headers: { host: 'localhost' } });
  expect(answer.headers['allow']).toBe('GET, HEAD');
});

test('without keys, answers for this machine only: a name that resolves to it is refused', async () => {
  const answer = await app.inject({ method: 'GET', url: '/v1/queues', headers: { host: 'evil.example' } });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer');
});
