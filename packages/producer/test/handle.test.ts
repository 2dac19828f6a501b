import { getEventListeners } from 'node:events';
import { inject, afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';
import { type FetchInit, type Sluice, connect } from '../src/index.ts';

let rig: Rig;
let elsewhere: Sluice;
beforeAll(async () => {
  rig = await Rig.open();
  elsewhere = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
});
beforeEach(() => rig.upstream.reset());
afterAll(async () => {
  await elsewhere.close();
  await rig[Symbol.asyncDispose]();
});

const delayed = () => rig.sluice.enqueue({ url: rig.url('/item/delayed'), delayMs: 3_600_000 });

describe('a job by its id, in another client', () => {
  test('gives the response of a job that has ended', async () => {
    const handle = await rig.sluice.enqueue(rig.url('/json'));
    await handle.result();
    const there = elsewhere.job(handle.id);
    expect(await there.status()).toBe('completed');
    expect((await there.result()).json()).toEqual((await handle.result()).json());
  });

  test('waits for the end of a job that runs', async () => {
    const { id } = await rig.sluice.enqueue(rig.url('/delay/300'));
    expect((await elsewhere.job(id).result()).json()).toEqual({ delayedMs: 300 });
  });

  test('can be awaited by several clients and several times in each', async () => {
    await using third = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const handle = await rig.sluice.enqueue(rig.url('/delay/200'));
    const there = elsewhere.job(handle.id);
    const results = [handle.result(), there.result(), there.result(), elsewhere.job(handle.id).result()];
    results.push(third.job(handle.id).result(), handle.result());
    const bodies = (await Promise.all(results)).map((response) => response.text());
    expect(new Set(bodies)).toEqual(new Set(['{"delayedMs":200}']));
    expect(await rig.seen()).toHaveLength(1);
  });

  test('in another queue than the client’s needs its name', async () => {
    const place = { redis: inject('redisUrl'), prefix: rig.prefix };
    await using other = await connect({ ...place, queue: 'other', policy: {} });
    const { id } = await rig.sluice.enqueue(rig.url('/item/1'));
    expect((await other.job(id, { queue: rig.queue }).result()).status).toBe(200);
    await expect(other.job(id).result()).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
  });

  test('throws the failure of a job as its own handle does', async () => {
    const handle = await rig.sluice.enqueue({ url: rig.url('/status/500'), attempts: 1, meta: { n: 1 } });
    const failure = { name: 'JobError', code: 'SLUICE_HTTP_ERROR', outcome: { meta: { n: 1 } } };
    await expect(handle.result()).rejects.toMatchObject(failure);
    await expect(elsewhere.job(handle.id).result()).rejects.toMatchObject(failure);
    expect(await elsewhere.job(handle.id).status()).toBe('failed');
  });

  test('that nobody enqueued is unknown, and its result is refused at once', async () => {
    const nothing = elsewhere.job('nothing');
    expect(await nothing.status()).toBe('unknown');
    await expect(nothing.result()).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
  });

  test('whose outcome is no longer kept says so', async () => {
    const handle = await rig.sluice.enqueue(rig.url('/item/short'), { keepMs: 50 });
    await handle.result();
    await until(async () => (await elsewhere.job(handle.id).status()) === 'unknown');
    await expect(elsewhere.job(handle.id).result()).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
    expect((await handle.result()).status).toBe(200);
  });
});

describe('stopping to wait', () => {
  test('of a job leaves it alone, and says so with the reason as its cause', async () => {
    const { id } = await rig.sluice.enqueue(rig.url('/delay/300'));
    const reason = new Error('no longer needed');
    const there = elsewhere.job(id);
    const stop = new AbortController();
    const result = there.result({ signal: stop.signal });
    stop.abort(reason);
    await expect(result).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
      message: expect.stringContaining('goes on') as string,
      cause: reason,
    });
    expect((await there.result()).status).toBe(200);
  });

  test('with cancel cancels the job, and says so', async () => {
    const handle = await delayed();
    const reason = new Error('no longer needed');
    const stop = new AbortController();
    const result = handle.result({ signal: stop.signal, cancel: true });
    stop.abort(reason);
    await expect(result).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED', cause: reason });
    await expect(handle.result()).rejects.toMatchObject({ code: 'SLUICE_CANCELLED' });
  });

  test('of a fetch aborts the request that runs', async () => {
    const result = rig.sluice.fetch(rig.url('/hang'), { signal: AbortSignal.timeout(300) });
    await rig.arrived(1);
    await expect(result).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
      cause: { name: 'TimeoutError' },
    });
    await rig.quiet();
  });

  test('with keep, the former name, leaves the job alone', async () => {
    const handle = await rig.sluice.enqueue(rig.url('/delay/300'));
    await expect(
      handle.result({ signal: AbortSignal.timeout(50), cancel: true, keep: true }),
    ).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
    });
    expect((await handle.result()).status).toBe(200);
  });

  test.each([{ cancel: false }, { keep: true }])(
    'of a fetch with %j leaves its request alone',
    async (init) => {
      const stop = new AbortController();
      const result = rig.sluice.fetch(rig.url('/delay/300'), { signal: stop.signal, ...init });
      await rig.arrived(1);
      stop.abort();
      await expect(result).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
      await rig.quiet();
      expect((await rig.upstream.arrivals())[0]?.status).toBe(200);
    },
  );

  test('before it began sends nothing', async () => {
    const result = rig.sluice.fetch(rig.url('/item/never'), { signal: AbortSignal.abort() });
    await expect(result).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
    await rig.end('/item/afterwards');
    expect(await rig.seen()).toEqual(['GET /item/afterwards']);
  });

  test('after the end changes nothing', async () => {
    const stop = new AbortController();
    const handle = await rig.sluice.enqueue(rig.url('/item/1'));
    const response = await handle.result({ signal: stop.signal });
    stop.abort();
    expect(response.status).toBe(200);
    expect(await handle.status()).toBe('completed');
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });
});

describe('misuse', () => {
  test('a result awaited when the client closes is refused with SLUICE_CLOSED, and the job goes on', async () => {
    const client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const handle = await client.enqueue(rig.url('/delay/300'));
    const heard = expect(handle.result()).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
    await client.close();
    await heard;
    expect((await rig.sluice.job(handle.id).result()).status).toBe(200);
  });

  test('a closed client refuses everything with SLUICE_CLOSED, but what it has already', async () => {
    const client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const ended = await client.enqueue(rig.url('/item/1'));
    await ended.result();
    const open = await client.enqueue({ url: rig.url('/item/2'), delayMs: 3_600_000 });
    await client.close();
    await client.close();
    expect((await ended.result()).status).toBe(200);
    const url = rig.url('/item/3');
    const closed: (() => Promise<unknown>)[] = [
      () => open.result(),
      () => open.status(),
      () => open.cancel(),
      () => client.enqueue(url),
      () => client.fetch(url),
      () => client.gather([url]),
      () => client.stream([url]).next(),
      () => client.enqueueMany([url]).next(),
      () => client.job(ended.id).result(),
      () => client.job(ended.id).status(),
    ];
    for (const call of closed)
      await expect(call(), String(call)).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
    await expect(client.group((group) => group.fetch(url))).rejects.toMatchObject({
      errors: [expect.objectContaining({ code: 'SLUICE_CLOSED' })],
    });
    expect(await rig.sluice.job(open.id).cancel()).toBe('cancelled');
  });

  test.each([
    ['a body on GET', { method: 'GET', body: 'x' }, 'body', 'a GET request has no body'],
    ['a deadline in the past', { deadline: Date.now() - 1 }, 'deadline', 'is in the past'],
    ['two bodies', { body: 'x', json: 1 }, '', 'body and json; give the body once'],
    ['an unknown option', { timeuot: 5 }, 'timeuot', ''],
  ])('%s is SLUICE_INVALID_SPEC, with its place', async (_name, init, path, message) => {
    const error: unknown = await rig.sluice
      .fetch(rig.url('/item/1'), init as FetchInit)
      .catch((error: unknown) => error);
    expect(error).toMatchObject({
      name: 'SluiceError',
      code: 'SLUICE_INVALID_SPEC',
      faults: [
        {
          path: expect.stringContaining(path) as string,
          message: expect.stringContaining(message) as string,
        },
      ],
    });
    expect(await rig.seen()).toEqual([]);
  });
});
