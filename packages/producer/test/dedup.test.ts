import { describe, expect, inject, test } from 'vitest';
import { startProgram } from '../../../test/lab/processes.ts';
import { Rig, until } from '../../worker/test/rig.ts';
import { type JobSpec, type Sluice, connect } from '../src/index.ts';

const another = (rig: Rig, dedupTtlMs = 60_000) =>
  connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue, dedupTtlMs });
const requests = async (rig: Rig) => (await rig.upstream.arrivals()).length;
const records = (rig: Rig) => rig.redis.keys(rig.keys.record('*', 'key', '*').replace('/key/', '/*/'));
const isRecorded = (message: unknown): message is { id: string } =>
  typeof message === 'object' && message !== null && 'id' in message;

describe('an idempotency key', () => {
  test('with the same request is the same job, from any process, also after its end', async () => {
    await using rig = await Rig.open();
    await using other = await another(rig);
    const spec = { url: rig.url('/echo'), method: 'POST', json: { amount: 5 }, idempotencyKey: 'order 17' };
    const first = await rig.sluice.enqueue(spec);
    const second = await other.enqueue(spec);
    expect(second.id).toBe(first.id);
    const [a, b] = await Promise.all([first.result(), second.result()]);
    expect(b.text()).toBe(a.text());
    await until(async () => (await first.status()) === 'completed');
    const third = await other.enqueue(spec);
    expect(third.id).toBe(first.id);
    expect((await third.result()).text()).toBe(a.text());
    expect(await requests(rig)).toBe(1);
  });

  test('gives every fetch with it the one response', async () => {
    await using rig = await Rig.open();
    const init = { method: 'POST', body: 'x', idempotencyKey: 'k' };
    const first = await rig.sluice.fetch(rig.url('/echo'), init);
    const second = await rig.sluice.fetch(rig.url('/echo'), init);
    expect(second.text()).toBe(first.text());
    expect(await requests(rig)).toBe(1);
  });

  test('used by many at once makes one job', async () => {
    await using rig = await Rig.open();
    await using other = await another(rig);
    const add = (sluice: Sluice) => sluice.enqueue({ url: rig.url('/echo'), idempotencyKey: 'k' });
    const handles = await Promise.all(Array.from({ length: 60 }, (_, n) => add(n % 2 ? other : rig.sluice)));
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
    const responses = await Promise.all(handles.map((handle) => handle.result()));
    expect(new Set(responses.map((response) => response.text())).size).toBe(1);
    expect(await requests(rig)).toBe(1);
  });

  test.each<[string, Omit<JobSpec, 'url'> & { url?: string }]>([
    ['URL', { url: 'http://127.0.0.1:1/other' }],
    ['method', { method: 'PUT' }],
    ['body', { json: { amount: 6 } }],
    ['header', { headers: { accept: 'text/html' } }],
  ])('with another %s is an error that names the key', async (_, change) => {
    await using rig = await Rig.open({ idle: true });
    const spec = { url: rig.url('/'), method: 'POST', json: { amount: 5 }, idempotencyKey: 'order 17' };
    await rig.sluice.enqueue(spec);
    const { id } = await rig.sluice.enqueue({ ...spec, headers: {}, timeoutMs: 77, meta: 'not part of it' });
    await expect(rig.sluice.enqueue({ ...spec, ...change })).rejects.toMatchObject({
      code: 'SLUICE_DUPLICATE_ID',
      message: expect.stringContaining(`idempotencyKey "order 17" is taken by job "${id}"`) as string,
    });
    expect(await rig.bull.getWaitingCount()).toBe(1);
  });

  test('is sent with POST and PATCH, unless the caller set the header, and not with others', async () => {
    await using rig = await Rig.open({ upstream: { keepHeaders: true } });
    const url = rig.url('/');
    await rig.sluice.fetch(url, { method: 'POST', idempotencyKey: 'a' });
    await rig.sluice.fetch(url, {
      method: 'PATCH',
      idempotencyKey: 'b',
      headers: { 'Idempotency-Key': 'own' },
    });
    await rig.sluice.fetch(url, { method: 'PUT', idempotencyKey: 'c' });
    const sent = (await rig.upstream.arrivals()).map(({ headers }) => headers?.['idempotency-key']);
    expect(sent).toEqual(['a', 'own', undefined]);
  });

  test('recorded by a process that died before it added the job is added by the next, under the recorded id', async () => {
    await using rig = await Rig.open();
    const spec = { url: rig.url('/echo'), idempotencyKey: 'k' };
    const env = {
      REDIS_URL: inject('redisUrl'),
      PREFIX: rig.prefix,
      QUEUE: rig.queue,
      SPEC: JSON.stringify(spec),
    };
    await using program = startProgram('packages/producer/test/claim-and-die.ts', [], { ipc: true, env });
    const { id } = await program.message(isRecorded);
    expect((await program.exit()).signal).toBe('SIGKILL');
    await expect(rig.sluice.enqueue({ ...spec, method: 'POST' })).rejects.toMatchObject({
      code: 'SLUICE_DUPLICATE_ID',
    });
    const handle = await rig.sluice.enqueue(spec);
    expect(handle.id).toBe(id);
    expect((await handle.result()).status).toBe(200);
  });

  test('is free again when it is no longer remembered', async () => {
    await using rig = await Rig.open();
    await using forgetful = await another(rig, 300);
    const spec = { url: rig.url('/'), idempotencyKey: 'k' };
    const first = await forgetful.enqueue(spec);
    await first.result();
    await until(async () => (await records(rig)).length === 0);
    const second = await forgetful.enqueue(spec);
    expect(second.id).not.toBe(first.id);
    await second.result();
    expect(await requests(rig)).toBe(2);
  });

  test.each(['', ' k', 'k\n', 'ü', 'x'.repeat(201)])(
    'is refused when no header could carry it: %j',
    async (key) => {
      await using rig = await Rig.open({ idle: true });
      const add = rig.sluice.enqueue({ url: rig.url('/'), idempotencyKey: key });
      await expect(add).rejects.toMatchObject({
        code: 'SLUICE_INVALID_SPEC',
        faults: [{ path: 'idempotencyKey' }],
      });
    },
  );

  test('and an id exclude each other', async () => {
    await using rig = await Rig.open({ idle: true });
    const add = rig.sluice.enqueue({ url: rig.url('/'), idempotencyKey: 'k', id: 'i' });
    await expect(add).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
  });
});

describe('an id', () => {
  test('with the same request is the same job, also after its end', async () => {
    await using rig = await Rig.open();
    await using other = await another(rig);
    const spec = { url: rig.url('/echo'), id: 'mine' };
    const first = await rig.sluice.enqueue(spec);
    const text = (await first.result()).text();
    const again = await other.enqueue(spec);
    expect(again.id).toBe('mine');
    expect((await again.result()).text()).toBe(text);
    expect((await other.fetch(spec.url, { id: 'mine' })).text()).toBe(text);
    expect(await requests(rig)).toBe(1);
  });

  test('with another request is an error, while the job waits and after its end', async () => {
    await using rig = await Rig.open({ idle: true });
    const first = await rig.sluice.enqueue({ url: rig.url('/'), id: 'mine' });
    const add = () => rig.sluice.enqueue({ url: rig.url('/other'), id: 'mine' });
    const error = { code: 'SLUICE_DUPLICATE_ID', message: expect.stringContaining('id "mine"') as string };
    await expect(add()).rejects.toMatchObject(error);
    await rig.startPool();
    await first.result();
    await expect(add()).rejects.toMatchObject(error);
  });

  test('whose record is gone is judged by the job that waits', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.enqueue({ url: rig.url('/'), id: 'mine' });
    await rig.redis.unlink(...(await records(rig)));
    expect((await rig.sluice.enqueue({ url: rig.url('/'), id: 'mine' })).id).toBe('mine');
    await expect(rig.sluice.enqueue({ url: rig.url('/other'), id: 'mine' })).rejects.toMatchObject({
      code: 'SLUICE_DUPLICATE_ID',
    });
  });

  test('of which nothing is left is performed again: streams keep no outcome, and what failed can be tried anew', async () => {
    await using rig = await Rig.open({ policy: { retry: { attempts: 1 } } });
    const specs = [
      { url: rig.url('/'), id: 'ok' },
      { url: rig.url('/status/500?times=1'), id: 'bad' },
    ];
    const run = async () => {
      const kinds: Record<string, string> = {};
      for await (const { id, outcome } of rig.sluice.stream(specs)) kinds[id] = outcome.kind;
      return kinds;
    };
    expect(await run()).toEqual({ ok: 'response', bad: 'http-error' });
    await until(async () => (await rig.bull.getFailedCount()) === 1);
    await until(async () => (await rig.bull.getJobCountByTypes('active')) === 0);
    expect(await run()).toEqual({ ok: 'response', bad: 'response' });
    expect(await requests(rig)).toBe(4);
    expect(await rig.bull.getFailedCount()).toBe(0);
  });

  test('in a batch belongs to that batch', async () => {
    await using rig = await Rig.open();
    const fill = async (batch: string) => {
      for await (const _ of rig.sluice.enqueueMany([{ url: rig.url('/'), id: 'mine' }], { batch }));
    };
    await fill('one');
    await fill('one');
    await expect(fill('two')).rejects.toMatchObject({ code: 'SLUICE_DUPLICATE_ID' });
    const ids: string[] = [];
    for await (const { id } of rig.sluice.batch('one').results()) ids.push(id);
    expect(ids).toEqual(['mine']);
    expect(await rig.sluice.batch('one').progress()).toMatchObject({ total: 1, ended: 1 });
  });

  test.each(['wait', 'active', 'failed', 'meta', 'limiter', 'repeat', 'id', 'a:b', '17'])(
    'is refused when it would be no job of its own: %s',
    async (id) => {
      await using rig = await Rig.open({ idle: true });
      await expect(rig.sluice.enqueue({ url: rig.url('/'), id })).rejects.toMatchObject({
        code: 'SLUICE_INVALID_SPEC',
        faults: [{ path: 'id' }],
      });
    },
  );

  test('keeps the deadline of the job that has it', async () => {
    await using rig = await Rig.open({ idle: true });
    const deadline = Date.now() + 60_000;
    await rig.sluice.enqueue({ url: rig.url('/'), id: 'mine', deadline });
    await rig.sluice.enqueue({ url: rig.url('/'), id: 'mine', deadline: deadline + 1000 });
    expect(await rig.redis.zscore(rig.keys.deadlines(rig.queue), 'mine')).toBe(String(deadline));
  });
});

test('a job without an id or a key has no record', async () => {
  await using rig = await Rig.open();
  await rig.sluice.fetch(rig.url('/'));
  expect(await records(rig)).toEqual([]);
});

test.each([0, -1, 1.5, Number.NaN])('nothing is kept for %d ms: no job could end', async (keepMs) => {
  await using rig = await Rig.open({ idle: true });
  await expect(rig.sluice.enqueue(rig.url('/'), { keepMs })).rejects.toMatchObject({
    code: 'SLUICE_INVALID_SPEC',
  });
  await expect(
    rig.sluice.schedules.upsert('x', { every: '1h' }, rig.url('/'), { keepMs }),
  ).rejects.toMatchObject({
    code: 'SLUICE_INVALID_SPEC',
  });
  await expect(another(rig, keepMs)).rejects.toMatchObject({ code: 'SLUICE_INVALID_CONFIG' });
});
