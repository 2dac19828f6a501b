import { Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import { startOwnRedis } from '../../../test/lab/own-redis.ts';
import { freePort } from '../../../test/lab/free-port.ts';
import { Rig, loopback } from '../../worker/test/rig.ts';
import { JobError, type JobSpec, SluiceError, connect } from '../src/index.ts';

async function keysOf(rig: Rig): Promise<string[]> {
  return (await rig.redis.keys(`${rig.prefix}*`)).sort();
}

const client = (rig: Rig) => connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });

/** The error that a promise rejects with. */
async function errorOf(work: Promise<unknown>): Promise<SluiceError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SluiceError)) throw new Error(`expected a SluiceError, got ${String(error)}`);
  return error;
}

describe('connecting', () => {
  test.each([
    [{ redis: 'localhost:6379' }, 'must be a URL such as redis://localhost:6379'],
    [{ prefix: 'sluice' }, 'must begin with a hash tag'],
    [{ queue: 'a/b' }, 'must be 1 to 100 letters'],
  ])('with %j is refused before anything is opened', async (options, message) => {
    const error = await errorOf(connect(options));
    expect(error.code).toBe('SLUICE_INVALID_CONFIG');
    expect(error.message).toContain(message);
  });

  test('to where nothing listens fails at once, and says where', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const error = await errorOf(connect({ redis: url }));
    expect(error).toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
    expect(error.message).toContain(url);
  });

  test('with a wrong password fails at once, and does not repeat the password', async () => {
    await using own = await startOwnRedis();
    const admin = new Redis(own.url);
    await admin.config('SET', 'requirepass', 'right');
    admin.disconnect();
    const error = await errorOf(connect({ redis: `redis://:wrong@127.0.0.1:${own.port}` }));
    expect(error.code).toBe('SLUICE_REDIS_AUTH');
    expect(error.message).not.toContain(':wrong@');
    const sluice = await connect({ redis: `redis://:right@127.0.0.1:${own.port}` });
    await sluice.close();
  });

  test('with a rate creates the policy; with the same again is fine; with another it stays as it is', async () => {
    await using rig = await Rig.open({ idle: true });
    const open = (rate: string) =>
      connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: 'rated', rate });
    await (await open('100/60s')).close();
    await (await open('100/1m')).close();
    await (await open('50/60s')).close();
    expect((await rig.sluice.policies.read('rated'))?.rate?.limit).toBe(100);
  });

  test('with a faulty policy lists every fault and writes nothing', async () => {
    await using rig = await Rig.open({ idle: true });
    const before = await keysOf(rig);
    const options = { redis: inject('redisUrl'), prefix: rig.prefix, queue: 'bad' };
    const error = await errorOf(connect({ ...options, policy: { rate: '0/1s', timeout: '30' } }));
    expect(error.code).toBe('SLUICE_INVALID_POLICY');
    expect(error.faults.map(({ path }) => path).sort()).toEqual(['rate.limit', 'timeout']);
    expect(await keysOf(rig)).toEqual(before);
  });
});

describe('a policy', () => {
  test('is created, changed, or the same, and reads back', async () => {
    await using rig = await Rig.open({ idle: true });
    const { policies } = rig.sluice;
    expect(await policies.read('p')).toBeNull();
    expect(await policies.create('p', { rate: '5/1s' })).toBe('created');
    expect(await policies.create('p', { rate: '5/s' })).toBe('same');
    expect(await policies.set('p', { rate: '6/1s' })).toBe('changed');
    expect((await policies.read('p'))?.rate?.limit).toBe(6);
  });

  test('reads back with the text that its rate was given as, which an operator may change and code does not', async () => {
    await using rig = await Rig.open({ idle: true });
    const { policies, queues } = rig.sluice;
    await policies.set('p', { rate: '60/min' });
    const text = async () => (await policies.read('p'))?.rate?.text;
    expect(await text()).toBe('60/min');
    expect((await queues.overview().look()).queues[0]?.policy?.rate?.text).toBe('60/min');
    expect(await policies.create('p', { rate: '60/60s' })).toBe('same');
    expect(await text()).toBe('60/min');
    expect(await policies.set('p', { rate: '60/60s' })).toBe('same');
    expect(await text()).toBe('60/60s');
    // A version that knows nothing of the text changes the policy alone.
    const key = rig.keys.policy('p');
    const json = (await rig.redis.hget(key, 'json'))!;
    await rig.redis.hset(key, 'json', json.replace('"limit":60', '"limit":61'));
    expect(await text()).toBeUndefined();
    expect(await policies.set('p', { rate: null })).toBe('changed');
    expect(await text()).toBeUndefined();
  });

  test('has a name that may be part of a key', async () => {
    await using rig = await Rig.open({ idle: true });
    const { policies } = rig.sluice;
    expect(await errorOf(policies.set('a:b', {}))).toMatchObject({ code: 'SLUICE_INVALID_POLICY' });
  });
});

describe('a spec with faults', () => {
  test('is refused with every one of them, and nothing is written', async () => {
    await using rig = await Rig.open({ idle: true });
    const before = await keysOf(rig);
    const bad = { url: 'file:///x', method: 'BREW', attempts: 0, retry_after: 5 } as unknown as JobSpec;
    const error = await errorOf(rig.sluice.enqueue(bad));
    expect(error.code).toBe('SLUICE_INVALID_SPEC');
    expect(error.faults.map(({ path }) => path).sort()).toEqual(['attempts', 'method', 'retry_after', 'url']);
    expect(await errorOf(rig.sluice.enqueue(rig.url('/'), { queue: 'a/b' }))).toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
    });
    expect(await keysOf(rig)).toEqual(before);
  });

  test('in a list is named by its place; those before it are enqueued', async () => {
    await using rig = await Rig.open();
    const handles = rig.sluice.enqueueMany([rig.url('/1'), rig.url('/2'), 'nowhere', rig.url('/3')]);
    const first = (await handles.next()).value!;
    const second = (await handles.next()).value!;
    const error = await errorOf(handles.next());
    expect(error.message).toContain('job spec [2]: url:');
    for (const handle of [first, second]) expect((await handle.result()).status).toBe(404);
  });
});

describe('a handle', () => {
  test('gives the response as if it had been fetched here', async () => {
    await using rig = await Rig.open();
    const response = await (await rig.sluice.enqueue(rig.url('/json'))).result();
    expect(response).toMatchObject({ status: 200, ok: true, url: rig.url('/json'), attempts: 1 });
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.json()).toMatchObject({ ok: true, text: 'Grüße' });
    expect(response.text()).toContain('Grüße');
    expect(Buffer.from(response.bytes()).toString()).toBe(response.text());
  });

  test('throws what the job ended with, the last response attached', async () => {
    await using rig = await Rig.open();
    const error = await errorOf(rig.sluice.fetch(rig.url('/status/500'), { attempts: 1 }));
    expect(error).toBeInstanceOf(JobError);
    const failed = error as JobError;
    expect(failed.code).toBe('SLUICE_HTTP_ERROR');
    expect(failed.response?.json()).toEqual({ status: 500 });
    expect(failed.outcome.attempts).toBe(1);
  });

  test('throws nothing for a 404: that is a response', async () => {
    await using rig = await Rig.open();
    expect(await rig.sluice.fetch(rig.url('/nowhere'))).toMatchObject({ status: 404, ok: false });
  });

  test('that nobody awaits does no harm, whatever becomes of its job', async () => {
    await using rig = await Rig.open();
    const specs = [{ url: 'http://10.0.0.1/', id: 'ignored' }];
    for await (const handle of rig.sluice.enqueueMany(specs)) expect(handle.id).toBe('ignored');
    expect((await rig.end('/')).outcome.kind).toBe('response');
  });

  test('given twice for one id gives both the outcome', async () => {
    await using rig = await Rig.open({ idle: true });
    const spec = { url: rig.url('/json'), id: 'same' };
    const both = [await rig.sluice.enqueue(spec), await rig.sluice.enqueue(spec)];
    await rig.startPool();
    for (const handle of both) expect((await handle.result()).status).toBe(200);
    expect(await rig.seen()).toEqual(['GET /json']);
  });
});

describe('two clients', () => {
  test('do not get each other’s replies, even under the same queue', async () => {
    await using rig = await Rig.open();
    await using other = await client(rig);
    const ask = async (sluice: typeof other, name: string) => {
      const handles = await Promise.all(
        Array.from({ length: 40 }, (_, n) => sluice.enqueue(rig.url(`/item/${name}${n}`))),
      );
      const bodies = await Promise.all(handles.map(async (handle) => (await handle.result()).json()));
      return bodies.map((body) => (body as { item: string }).item);
    };
    const [mine, theirs] = await Promise.all([ask(rig.sluice, 'a'), ask(other, 'b')]);
    expect(mine).toEqual(Array.from({ length: 40 }, (_, n) => `a${n}`));
    expect(theirs).toEqual(Array.from({ length: 40 }, (_, n) => `b${n}`));
  });
});

describe('closing', () => {
  test('lets the jobs go on; what is still awaited is told that the client is closed', async () => {
    await using rig = await Rig.open({ idle: true });
    const other = await client(rig);
    const handle = await other.enqueue({ url: rig.url('/later'), id: 'later' });
    const result = errorOf(handle.result());
    await other.close();
    await other.close();
    expect(await result).toMatchObject({ code: 'SLUICE_CLOSED' });
    expect(await errorOf(other.enqueue(rig.url('/')))).toMatchObject({ code: 'SLUICE_CLOSED' });
    await rig.startPool();
    await rig.arrived(1);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)('works also when Redis is gone (%s)', async (signal) => {
    await using own = await startOwnRedis();
    const sluice = await connect({ redis: own.url, policy: { egress: loopback } });
    const handle = await sluice.enqueue('http://127.0.0.1:1/');
    const result = errorOf(handle.result());
    await own.kill(signal);
    await sluice.close();
    expect(await result).toMatchObject({ code: 'SLUICE_CLOSED' });
  });

  test('leaves no connection behind', async () => {
    await using own = await startOwnRedis();
    const watch = new Redis(own.url);
    const clients = async () =>
      String(await watch.client('LIST'))
        .trim()
        .split('\n').length;
    expect(await clients()).toBe(1);
    const sluice = await connect({ redis: own.url, queue: 'q', policy: { egress: loopback } });
    await sluice.enqueue('http://127.0.0.1:1/');
    expect(await clients()).toBeGreaterThan(2);
    await sluice.close();
    await expect.poll(clients).toBe(1);
    watch.disconnect();
  });
});
