import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobError } from '../../producer/src/index.ts';
import { Rig, quick, until } from './rig.ts';

const env = {
  SLUICE_TRANSFORMS: ['busy.ts', 'shapes.ts']
    .map((file) => `${file.slice(0, -3)}=${new URL(`transforms/${file}`, import.meta.url).href}`)
    .join(','),
};

/** Answers `busy` to so many requests, then `done`. */
let busy = 0;
let asked: string[] = [];
let server: Server;
let rig: Rig;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.method!);
    busy -= 1;
    response.end(busy >= 0 ? 'busy' : 'done');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  rig = await Rig.open({ env, policy: { retryIf: 'busy', retry: { ...quick, attempts: 3 }, store: {} } });
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

test('a response whose body says so is tried again, after the backoff or the wait that the rule names', async () => {
  for (const meta of ['soon', null]) {
    busy = 1;
    const response = await rig.sluice.fetch(url, { meta });
    expect({ text: response.text(), attempts: response.attempts }).toEqual({ text: 'done', attempts: 2 });
  }
  expect(asked).toHaveLength(4);
});

test('the last attempt ends the job as http-error, with the response', async () => {
  busy = 9;
  const error: unknown = await rig.sluice.fetch(url).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(JobError);
  expect(error).toMatchObject({ code: 'SLUICE_HTTP_ERROR', attempts: 3 });
  expect((error as JobError).message).toMatch(
    /"busy" \(retryIf\) rejected .* attempt 3, status 200 \(the last attempt\)/,
  );
  expect((error as JobError).response?.text()).toBe('busy');
  expect(asked).toHaveLength(3);
});

test('a request that must not be repeated is not', async () => {
  for (const spec of [{ method: 'POST', body: 'x' }, { delivery: 'at-most-once' as const }]) {
    busy = 9;
    asked = [];
    const { outcome, text } = await rig.end(url, spec);
    expect(outcome).toMatchObject({ kind: 'http-error', attempts: 1 });
    expect(outcome.error?.message).toContain('(the request must not be repeated)');
    expect(text).toBe('busy');
    expect(asked).toHaveLength(1);
  }
  // The caller vouches for it.
  busy = 1;
  const headers = { 'idempotency-key': 'mine' };
  const { outcome } = await rig.end(url, { method: 'POST', body: 'x', headers });
  expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
});

test.each(['throws', 'odd'])('if the rule fails (%s), the response stands', async (meta) => {
  busy = 9;
  const response = await rig.sluice.fetch(url, { meta });
  expect({ text: response.text(), attempts: response.attempts }).toEqual({ text: 'busy', attempts: 1 });
});

test('a transform gets the response that the rule let pass', async () => {
  busy = 1;
  const response = await rig.sluice.fetch(url, { transform: 'shapes', meta: 'text' });
  expect(response).toMatchObject({ attempts: 2, transformed: { name: 'shapes' } });
});

test('a POST whose worker stops while the rule is asked ends with its response, and is not made again', async () => {
  await using own = await Rig.open({ idle: true, policy: { retryIf: 'busy' } });
  const pool = await own.startPool(env);
  busy = 9;
  const ended = own.end(url, { method: 'POST', body: 'x', meta: 'waits' });
  await until(() => asked.length === 1);
  await pool.drain(0);
  await own.startPool(env);
  expect(await ended).toMatchObject({ text: 'busy', outcome: { kind: 'response', attempts: 1 } });
  expect(asked).toEqual(['POST']);
});

test('a worker without the rule sends nothing and says so; one that has it takes the job', async () => {
  await using own = await Rig.open({ idle: true, policy: { retryIf: 'busy' } });
  const pool = await own.startPool();
  expect(pool.notReady()).toEqual(['queue "q" needs the module "busy"; add it to SLUICE_TRANSFORMS']);
  busy = 0;
  const job = await own.sluice.enqueue(url);
  await until(async () => (await job.status()) === 'delayed');
  expect(await job.explain()).toMatchObject({ why: 'put-off', attempts: { made: 0 } });
  expect(asked).toEqual([]);
  await own.startPool(env);
  await (await own.bull.getJob(job.id))!.promote();
  // Either worker may take it.
  await until(async () => {
    const again = await own.bull.getJob(job.id);
    if ((await again?.isDelayed()) === true) await again!.promote().catch(() => {});
    return asked.length === 1;
  });
  expect((await job.result()).text()).toBe('done');
});
