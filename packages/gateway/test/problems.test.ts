import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Sluice, connect } from '../../producer/src/index.ts';
import { type App, buildServer, open } from '../src/index.ts';

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

test('says which methods a path has', async () => {
  const answer = await app.inject({ method: 'DELETE', url: '/v1/queues', headers: { host: 'localhost' } });
  expect(answer.headers['allow']).toBe('GET, HEAD');
});

test('without keys, answers for this machine only: a name that resolves to it is refused', async () => {
  const answer = await app.inject({ method: 'GET', url: '/v1/queues', headers: { host: 'evil.example' } });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer');
});
