import { describe, expect, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const envelopeOf = async (rig: Rig, id: string) =>
  JSON.parse((await rig.redis.hget(rig.keys.bull(rig.queue).job(id), 'data'))!) as { replyTo?: string };

describe('a detached enqueue', () => {
  test('asks for no reply, and nothing is kept for it', async () => {
    await using rig = await Rig.open({ idle: true });
    const detached = await rig.sluice.enqueue({ url: rig.url('/') }, { detached: true });
    const other = await rig.sluice.enqueue({ url: rig.url('/') });
    expect(await envelopeOf(rig, detached.id)).not.toHaveProperty('replyTo');
    expect(await envelopeOf(rig, other.id)).toHaveProperty('replyTo');
  });

  test('can be awaited all the same, while it runs and after its end', async () => {
    await using rig = await Rig.open();
    const handle = await rig.sluice.enqueue({ url: rig.url('/echo') }, { detached: true });
    expect((await handle.result()).status).toBe(200);
    await until(async () => (await handle.status()) === 'completed');
    expect((await rig.sluice.job(handle.id).result()).status).toBe(200);
  });

  test('whose wait was stopped can be awaited again', async () => {
    await using rig = await Rig.open({ idle: true });
    const handle = await rig.sluice.enqueue({ url: rig.url('/echo') }, { detached: true });
    const stop = new AbortController();
    const wait = handle.outcome({ signal: stop.signal });
    await until(async () => (await rig.redis.exists(rig.keys.watchers(rig.queue, handle.id))) === 1);
    stop.abort();
    await expect(wait).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
    const again = handle.outcome();
    await rig.startPool();
    expect((await again).outcome.kind).toBe('response');
  });
});

describe('an enqueue with a key of its own', () => {
  const spec = (rig: Rig) => ({ url: rig.url('/echo'), method: 'POST', json: { amount: 5 } });

  test('is one job, however often it is repeated; the upstream never sees the key', async () => {
    await using rig = await Rig.open();
    const first = await rig.sluice.enqueue(spec(rig), { enqueueKey: 'call 1' });
    const [second, third] = await Promise.all([
      rig.sluice.enqueue(spec(rig), { enqueueKey: 'call 1' }),
      rig.sluice.enqueue(spec(rig), { enqueueKey: 'call 2' }),
    ]);
    expect([first.existed, second.existed, third.existed]).toEqual([false, true, false]);
    expect(second.id).toBe(first.id);
    expect(third.id).not.toBe(first.id);
    const echoed = (await first.result()).json<{ headers: Record<string, string> }>();
    await third.result();
    // The worker's own, of the job: the key of the call is not it.
    expect(JSON.stringify(echoed)).not.toContain('call 1');
    expect(await rig.upstream.arrivals()).toHaveLength(2);
  });

  test('is sent once, where the upstream reads it and never answers: the key makes nothing repeatable', async () => {
    await using rig = await Rig.open();
    const slow = { ...spec(rig), url: rig.url('/delay/60000'), timeout: 300 };
    const handle = await rig.sluice.enqueue(slow, { enqueueKey: 'payment' });
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'timeout', attempts: 1 });
    expect(await rig.upstream.arrivals()).toHaveLength(1);
  });

  test('with another spec is an error, also where the spec names its job', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.enqueue(spec(rig), { enqueueKey: 'k' });
    const other = rig.sluice.enqueue({ ...spec(rig), json: { amount: 6 } }, { enqueueKey: 'k' });
    await expect(other).rejects.toMatchObject({ code: 'SLUICE_KEY_REUSED' });
    const named = rig.sluice.enqueue({ ...spec(rig), id: 'a' }, { enqueueKey: 'k' });
    await expect(named).rejects.toMatchObject({ code: 'SLUICE_KEY_REUSED' });
  });

  test('leaves the outcome of a job alone that its spec names', async () => {
    await using rig = await Rig.open();
    const named = { ...spec(rig), id: 'order-1' };
    await (await rig.sluice.enqueue(named)).result();
    const again = await rig.sluice.enqueue(named, { enqueueKey: 'k' });
    expect(again).toMatchObject({ id: 'order-1', existed: true });
    expect((await again.result()).status).toBe(200);
    expect(await rig.upstream.arrivals()).toHaveLength(1);
  });
});

describe('many specs, with their faults as items', () => {
  test('yields each in its place, and adds the others', async () => {
    await using rig = await Rig.open({ idle: true });
    const specs = [
      { url: rig.url('/a'), id: 'a' },
      { url: 'ftp://x', attempts: 0 },
      { url: rig.url('/c'), id: 'a' },
      { url: rig.url('/d') },
    ];
    const items = await all(rig.sluice.enqueueMany(specs, { settled: true }));
    expect(items.map(({ index, error }) => [index, error?.code])).toEqual([
      [0, undefined],
      [1, 'SLUICE_INVALID_SPEC'],
      [2, 'SLUICE_DUPLICATE_ID'],
      [3, undefined],
    ]);
    expect(items[1]!.error!.faults.map(({ path }) => path)).toEqual(['url', 'attempts']);
    expect((await rig.sluice.queues.show(rig.queue)).counts.waiting).toBe(2);
  });

  test('throws what concerns them all', async () => {
    await using rig = await Rig.open({ idle: true });
    const items = rig.sluice.enqueueMany([{ url: rig.url('/') }], { settled: true, queue: 'none' });
    await expect(all(items)).rejects.toMatchObject({ code: 'SLUICE_POLICY_MISSING' });
  });
});

describe('a batch of one queue', () => {
  test('takes the jobs of that queue only', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('other', {});
    const batch = rig.sluice.batch('b');
    await batch.bind(rig.queue);
    await batch.bind(rig.queue);
    await all(rig.sluice.enqueueMany([rig.url('/')], { batch: 'b', seal: false }));
    expect(await batch.progress()).toEqual({
      total: 1,
      ended: 0,
      failed: 0,
      sealed: false,
      queue: rig.queue,
    });
    const foreign = rig.sluice.enqueueMany([rig.url('/')], { batch: 'b', queue: 'other' });
    await expect(all(foreign)).rejects.toMatchObject({ code: 'SLUICE_BATCH_BOUND' });
    await expect(batch.bind('other')).rejects.toMatchObject({ code: 'SLUICE_BATCH_BOUND' });
  });

  test('is none that has jobs already: they may be of others', async () => {
    await using rig = await Rig.open({ idle: true });
    await all(rig.sluice.enqueueMany([rig.url('/')], { batch: 'b', seal: false }));
    await expect(rig.sluice.batch('b').bind(rig.queue)).rejects.toMatchObject({ code: 'SLUICE_BATCH_BOUND' });
  });
});
