import { describe, expect, test } from 'vitest';
import { until } from '../../worker/test/rig.ts';
import { Waits } from '../src/waiting/waits.ts';
import { GatewayRig } from './gateway-rig.ts';

type Accepted = { id: string; url: string };
type End = {
  id: string;
  outcome: { kind: string; attempts: number; response?: { status: number } };
  body?: string;
};

describe('a job', () => {
  test('is enqueued, looked at, awaited, and its body is there alone', async () => {
    await using gateway = await GatewayRig.open();
    const { rig } = gateway;
    const accepted = await gateway.call('POST', 'jobs', {
      json: { url: rig.url('/echo?token=secret'), method: 'POST', json: { n: 1 }, meta: { mine: true } },
    });
    expect(accepted.status).toBe(202);
    const { id, url } = accepted.json<Accepted>();
    expect(accepted.headers.get('location')).toBe(url);
    const result = await gateway.call('GET', `${url}/result`);
    expect(result.status).toBe(200);
    expect(result.json()).toMatchObject({
      id,
      queue: rig.queue,
      outcome: { kind: 'response', attempts: 1, response: { status: 200 }, meta: { mine: true } },
      body: expect.any(String) as unknown,
    });
    const alone = await gateway.call('GET', `${url}/result`, {
      headers: { accept: 'application/octet-stream' },
    });
    expect(alone.text).toBe(result.json<End>().body);
    expect(alone.headers.get('sluice-upstream-status')).toBe('200');
    expect(alone.headers.get('content-type')).toBe('application/octet-stream');
    await until(
      async () => (await gateway.call('GET', url)).json<{ status: string }>().status === 'completed',
    );
    expect(await rig.upstream.arrivals()).toHaveLength(1);
  });

  test('that waits says why; one that is not there is a problem', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const json = { url: gateway.rig.url('/') };
    const { url, id } = (await gateway.call('POST', 'jobs', { json })).json<Accepted>();
    expect((await gateway.call('GET', url)).json()).toMatchObject({
      status: 'waiting',
      why: 'worker',
      ahead: 0,
    });
    expect((await gateway.call('GET', 'jobs?state=waiting')).json()).toEqual({ state: 'waiting', ids: [id] });
    const waited = await gateway.call('GET', `${url}/result?wait=0`);
    expect(waited.status).toBe(202);
    expect(waited.headers.get('location')).toBe(`${url}/result`);
    expect((await gateway.call('DELETE', url)).json()).toEqual({ result: 'cancelled' });
    expect((await gateway.call('GET', `${url}/result`)).json()).toMatchObject({
      outcome: { kind: 'cancelled' },
    });
    const none = await gateway.call('GET', 'jobs/none');
    expect(none.json()).toMatchObject({ status: 404, code: 'SLUICE_RESULT_EXPIRED' });
    expect((await gateway.call('GET', 'jobs/none/result')).status).toBe(404);
  });

  test('with faults is a problem with a pointer to each', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const answer = await gateway.call('POST', 'jobs', { json: { url: 'ftp://x', headers: { 'a/b': 'c' } } });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      faults: [{ pointer: '#/url' }, { pointer: '#/headers/a~1b' }],
    });
    const deep = `{"url":"http://x/","json":${'['.repeat(1005)}${']'.repeat(1005)}}`;
    const headers = { 'content-type': 'application/json' };
    const nested = await gateway.call('POST', 'jobs', { body: deep, headers });
    expect(nested.json()).toMatchObject({ status: 400, faults: [{ pointer: '#/json' }] });
  });

  test.each([
    ['text', 415, 'SLUICE_MEDIA_TYPE', { body: 'x', headers: { 'content-type': 'text/plain' } }],
    [
      'no JSON',
      400,
      'SLUICE_INVALID_REQUEST',
      { body: '{', headers: { 'content-type': 'application/json' } },
    ],
    ['nothing', 400, 'SLUICE_INVALID_SPEC', {}],
    ['too much', 413, 'SLUICE_REQUEST_TOO_LARGE', { json: 'x'.repeat(17 * 2 ** 20) }],
    ['a bad key', 400, 'SLUICE_INVALID_REQUEST', { json: {}, headers: { 'idempotency-key': '"a' } }],
    ['too many headers', 431, 'SLUICE_HEADERS_TOO_LARGE', { json: {}, headers: { x: 'x'.repeat(20_000) } }],
  ])('of %s is a problem: %i', async (_, status, code, init) => {
    await using gateway = await GatewayRig.open({ idle: true });
    const answer = await gateway.call('POST', 'jobs', init);
    expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
      status,
      type: 'application/problem+json',
    });
    expect(answer.json()).toMatchObject({ status, code });
  });
});

describe('a fetch', () => {
  test('is the outcome, also when the job failed', async () => {
    await using gateway = await GatewayRig.open();
    const { rig } = gateway;
    const fine = await gateway.call('POST', 'fetch', { json: { url: rig.url('/status/404') } });
    expect(fine.json()).toMatchObject({ outcome: { kind: 'response', response: { status: 404 } } });
    const failed = await gateway.call('POST', 'fetch', {
      json: { url: rig.url('/status/500'), attempts: 1 },
    });
    expect(failed.status).toBe(200);
    expect(failed.json()).toMatchObject({ outcome: { kind: 'http-error', response: { status: 500 } } });
    const alone = await gateway.call('POST', 'fetch', {
      json: { url: rig.url('/status/500'), attempts: 1 },
      headers: { accept: 'application/octet-stream' },
    });
    expect(alone.json()).toMatchObject({ status: 502, code: 'SLUICE_HTTP_ERROR' });
  });

  test('that takes longer is answered with where to ask again; its outcome is there then', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const json = { url: rig.url('/echo') };
    const late = await gateway.call('POST', 'fetch', { json, headers: { prefer: 'wait=1' } });
    expect(late.status).toBe(202);
    expect(late.headers.get('preference-applied')).toBe('wait=1');
    const waiting = gateway.call('GET', `${late.headers.get('location')}/result?wait=60`);
    await rig.startPool();
    expect((await waiting).json()).toMatchObject({ outcome: { kind: 'response' } });
  });

  test('with an Idempotency-Key is joined, in quotes or not; another body is refused', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const json = { url: rig.url('/echo'), method: 'POST', json: { amount: 5 } };
    const first = gateway.call('POST', 'fetch', { json, headers: { 'idempotency-key': '"k"' } });
    await until(async () => (await rig.sluice.queues.show(rig.queue)).counts.waiting === 1);
    const second = gateway.call('POST', 'fetch', { json, headers: { 'idempotency-key': 'k' } });
    const other = await gateway.call('POST', 'jobs', {
      json: { ...json, json: { amount: 6 } },
      headers: { 'idempotency-key': 'k' },
    });
    expect(other.json()).toMatchObject({ status: 422, code: 'SLUICE_KEY_REUSED' });
    await rig.startPool();
    const [a, b] = await Promise.all([first, second]);
    expect(b.json<End>().id).toBe(a.json<End>().id);
    expect(a.headers.get('idempotency-replayed')).toBeNull();
    expect(b.headers.get('idempotency-replayed')).toBe('true');
    const arrivals = await rig.upstream.arrivals();
    expect(arrivals).toHaveLength(1);
    expect(a.json<End>().body).not.toMatch(/idempotency-key":\s*"k"/i);
  });

  test('whose client goes away is taken back, unless its call can be repeated', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const waiting = async () => (await rig.sluice.queues.show(rig.queue)).counts.waiting;
    const leave = async (headers: Record<string, string>) => {
      const gone = new AbortController();
      const json = { url: rig.url('/'), method: 'POST' };
      const before = await waiting();
      const call = gateway.call('POST', 'fetch', { json, headers, signal: gone.signal });
      await until(async () => (await waiting()) === before + 1);
      gone.abort();
      await expect(call).rejects.toThrow();
    };
    await leave({ 'idempotency-key': 'k' });
    await leave({});
    await until(async () => (await waiting()) === 1);
  });

  test('is answered with 202 when the gateway stops', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const call = gateway.call('POST', 'fetch', { json: { url: rig.url('/') } });
    await until(async () => (await rig.sluice.queues.show(rig.queue)).counts.waiting === 1);
    gateway.waits.close();
    const answer = await call;
    expect(answer.status).toBe(202);
    expect((await rig.sluice.queues.show(rig.queue)).counts.waiting).toBe(1);
  });

  test('beyond the open waits that a gateway may have is refused, and nothing is enqueued', async () => {
    await using gateway = await GatewayRig.open({ idle: true }, new Waits(1));
    const { rig } = gateway;
    const json = { url: rig.url('/') };
    const waiting = async () => (await rig.sluice.queues.show(rig.queue)).counts.waiting;
    const first = gateway.call('POST', 'fetch', { json });
    await until(async () => (await waiting()) === 1);
    const second = await gateway.call('POST', 'fetch', { json });
    expect(second.json()).toMatchObject({ status: 503, code: 'SLUICE_OVERLOADED' });
    expect(second.headers.get('retry-after')).toBe('2');
    expect(await waiting()).toBe(1);
    gateway.waits.close();
    await first;
    expect((await gateway.call('POST', 'fetch', { json })).status).toBe(202);
  });

  test('has a deadline, as in the library', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const json = { url: rig.url('/') };
    const headers = { prefer: 'wait=0' };
    const { id } = (await gateway.call('POST', 'fetch', { json, headers })).json<Accepted>();
    const { deadline } = await rig.sluice.job(id).explain();
    expect(deadline! - Date.now()).toBeGreaterThan(800_000);
  });
});
