import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobError, PolicyInput, Sluice } from '@sluice/producer';
import { Rig, loopback, quick, until } from '../../worker/test/rig.ts';
import { type Upstream, type UpstreamRequest, testing } from '../src/index.ts';

type Client = Pick<Sluice, keyof Sluice>;
type Stage = AsyncDisposable & { sluice: Client; url: string };

async function inMemory(policy: PolicyInput, upstream: Upstream): Promise<Stage> {
  const sluice = testing({ queue: 'q', policy, upstream });
  return { sluice, url: 'http://127.0.0.1:8080', [Symbol.asyncDispose]: () => sluice.close() };
}

async function overRedis(policy: PolicyInput, upstream: Upstream): Promise<Stage> {
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const headers = request.headers as Record<string, string>;
    const url = `http://${headers['host']}${request.url}`;
    try {
      const made = { method: request.method!, url, headers, body, attempt: 0, at: Date.now() };
      const answer = await upstream(made);
      await new Promise((resolve) => setTimeout(resolve, answer.delayMs ?? 0));
      response.writeHead(answer.status ?? 200, answer.headers);
      response.end(answer.json === undefined ? answer.body : JSON.stringify(answer.json));
    } catch {
      request.socket.destroy();
    }
  };
  const server = createServer((request, response) => void respond(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const rig = await Rig.open({ policy });
  const dispose = async () => {
    await rig[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { sluice: rig.sluice, url, [Symbol.asyncDispose]: dispose };
}

describe.each([
  ['in memory', inMemory],
  ['over Redis', overRedis],
])('code that uses Sluice, %s', (_, open) => {
  const policy: PolicyInput = { egress: loopback, retry: { ...quick, attempts: 3 } };
  let seen: UpstreamRequest[] = [];
  let answer: Upstream = () => ({});
  let stage: Stage;
  let sluice: Client;
  let url: string;
  beforeEach(async () => {
    seen = [];
    stage = await open(policy, (request) => {
      seen.push(request);
      return answer(request);
    });
    ({ sluice, url } = stage);
  });
  afterEach(async () => await stage[Symbol.asyncDispose]());
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    return error as JobError;
  };

  test('fetch gives the response, and sends what fetch sends', async () => {
    answer = ({ body }) => ({ status: 201, json: { got: body } });
    const response = await sluice.fetch(`${url}/a`, { method: 'POST', json: { n: 1 }, meta: 'own' });
    expect(response).toMatchObject({ status: 201, ok: true, url: `${url}/a`, attempts: 1 });
    expect(response.json()).toEqual({ got: '{"n":1}' });
    expect(seen[0]?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    answer = () => ({ status: 404 });
    expect((await sluice.fetch(`${url}/b`)).status).toBe(404);
  });

  test('bad specs and unknown queues are refused, with every fault', async () => {
    const bad = await failure(sluice.fetch('file:///x', { attempts: 0 }));
    expect(bad.code).toBe('SLUICE_INVALID_SPEC');
    expect(bad.faults.map(({ path }) => path).sort()).toEqual(['attempts', 'url']);
    expect(await failure(sluice.enqueue(url, { queue: 'other' }))).toMatchObject({
      code: 'SLUICE_POLICY_MISSING',
    });
    expect(await failure(sluice.fetch('http://10.0.0.1/'))).toMatchObject({ code: 'SLUICE_BLOCKED' });
    expect(seen).toEqual([]);
  });

  test('a failed attempt is retried, an unsafe one is not', async () => {
    answer = () => (seen.length < 3 ? { status: 503 } : { body: 'well' });
    const response = await sluice.fetch(url);
    expect([response.text(), response.attempts]).toEqual(['well', 3]);
    seen = [];
    answer = () => ({ status: 500 });
    expect(await failure(sluice.fetch(url, { method: 'POST' }))).toMatchObject({
      code: 'SLUICE_HTTP_ERROR',
      attempts: 1,
    });
    expect(await failure(sluice.fetch(url))).toMatchObject({ attempts: 3, method: 'GET', queue: 'q' });
    answer = () => {
      throw new Error('reset');
    };
    expect(await failure(sluice.fetch(url, { attempts: 1 }))).toMatchObject({ code: 'SLUICE_NETWORK' });
  });

  test('a 429 holds its origin for as long as it says', async () => {
    const times: number[] = [];
    answer = ({ at }) => {
      times.push(at);
      return times.length === 1 ? { status: 429, headers: { 'retry-after': '1' } } : {};
    };
    const [one, two] = await sluice.gather([`${url}/1`, `${url}/2`]);
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(990);
  });

  test('a job that is cancelled ends as that, and its signal cancels a fetch', async () => {
    const job = await sluice.enqueue(url, { delayMs: 3_600_000, id: 'later' });
    const result = failure(job.result());
    expect(await sluice.job('later').cancel()).toBe('cancelled');
    expect(await result).toMatchObject({ code: 'SLUICE_CANCELLED', id: 'later' });
    expect(await job.cancel()).toBe('ended');
    expect(await failure(sluice.fetch(url, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
    });
    expect(seen).toEqual([]);
  });

  test('a deadline ends what has not started, a timeout what takes too long', async () => {
    const late = { delayMs: 5000, deadline: Date.now() + 1500 };
    expect(await failure(sluice.fetch(url, late))).toMatchObject({ code: 'SLUICE_EXPIRED', attempts: 0 });
    answer = () => ({ delayMs: 2000 });
    const slow = sluice.fetch(url, { timeout: '100ms', attempts: 1 });
    expect(await failure(slow)).toMatchObject({ code: 'SLUICE_TIMEOUT', attempts: 1 });
  });

  test('the same key is the same job, another payload under it is refused', async () => {
    const spec = { url, method: 'POST', body: 'x', idempotencyKey: 'k' };
    const [one, two] = [await sluice.enqueue(spec), await sluice.enqueue(spec)];
    expect(one.id).toBe(two.id);
    expect(await failure(sluice.enqueue({ ...spec, body: 'y' }))).toMatchObject({
      code: 'SLUICE_DUPLICATE_ID',
    });
    await Promise.all([one.result(), two.result()]);
    expect(seen).toHaveLength(1);
  });

  test('a batch keeps its outcomes, in the order of their ends, for every reader', async () => {
    answer = ({ url: asked }) => ({ status: asked.endsWith('/bad') ? 500 : 200 });
    const specs = [`${url}/1`, { url: `${url}/bad`, attempts: 1 }, `${url}/3`];
    for await (const _handle of sluice.enqueueMany(specs, { batch: 'b' }));
    const items = [];
    for await (const item of sluice.batch('b').results()) items.push(item);
    expect(new Set(items.map(({ index }) => index))).toEqual(new Set([0, 1, 2]));
    const bad = items.find(({ ok }) => !ok)!;
    expect(bad.error).toMatchObject({
      code: 'SLUICE_HTTP_ERROR',
      method: 'GET',
      url: `${url}/bad`,
      queue: 'q',
    });
    expect(await sluice.batch('b').progress()).toEqual({ total: 3, ended: 3, failed: 1, sealed: true });
    const rest = [];
    for await (const { cursor } of sluice.batch('b').results({ cursor: items[1]!.cursor })) rest.push(cursor);
    expect(rest).toEqual([items[2]!.cursor]);
  });

  test('of a group, one failure cancels the others', async () => {
    answer = ({ url: asked }) => (asked.endsWith('/bad') ? { status: 400 } : {});
    const sum = await sluice.group(async (group) => {
      const all = await Promise.all([group.fetch(`${url}/1`), group.fetch(`${url}/2`)]);
      return all.length;
    });
    expect(sum).toBe(2);
    answer = () => ({ status: 500 });
    const error: unknown = await sluice
      .group(async (group) => {
        void group.fetch(`${url}/bad`, { attempts: 1 });
        void group.fetch(`${url}/later`, { delayMs: 3_600_000 });
      })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors).toMatchObject([{ code: 'SLUICE_HTTP_ERROR' }]);
  });

  test('a stream yields each job as it ends', async () => {
    answer = ({ url: asked }) => ({ body: asked.slice(-1) });
    const texts = [];
    for await (const { response } of sluice.stream([`${url}/1`, `${url}/2`, `${url}/3`]))
      texts.push(response?.text());
    expect(new Set(texts)).toEqual(new Set(['1', '2', '3']));
  });

  test('a failed job is a dead letter, unless its caller received the error, and can be sent again', async () => {
    answer = () => ({ status: 500 });
    await failure(sluice.fetch(`${url}/awaited`, { attempts: 1 }));
    const job = await sluice.enqueue(`${url}/kept`, { attempts: 1 });
    await failure(job.result());
    const ids = async () => (await sluice.dead.list('q')).letters.map(({ id }) => id);
    await until(async () => (await ids()).join() === job.id);
    answer = () => ({});
    expect(await sluice.dead.redrive('q', [job.id])).toMatchObject({ redriven: 1, skipped: [] });
    await until(async () => (await sluice.job(job.id).status()) === 'completed');
    expect(await ids()).toEqual([]);
  });

  test('no window holds more than the rate, and closing ends what is awaited', async () => {
    await sluice.policies.set('q', { ...policy, rate: { limit: 3, per: 300, burst: 3 } });
    const times: number[] = [];
    answer = ({ at }) => {
      times.push(at);
      return {};
    };
    await sluice.gather(Array.from({ length: 7 }, (_item, n) => `${url}/${n}`));
    expect(times).toHaveLength(7);
    for (let n = 3; n < times.length; n++) expect(times[n]! - times[n - 3]!).toBeGreaterThanOrEqual(300);
    const waits = failure((await sluice.enqueue(url, { delayMs: 3_600_000 })).result());
    await sluice.close();
    expect(await waits).toMatchObject({ code: 'SLUICE_CLOSED' });
  });
});
