import { describe, expect, test } from 'vitest';
import { type RigOptions, until } from '../../worker/test/rig.ts';
import { type Front, gatewayFront, libraryFront } from './fronts.ts';
import { GatewayRig } from './gateway-rig.ts';

const fronts: Record<string, (gateway: GatewayRig) => Front> = {
  library: ({ rig }) => libraryFront(rig.sluice, rig.queue),
  gateway: gatewayFront,
};

// What a caller may rely on, whichever way it comes.
describe.each(Object.entries(fronts))('by the %s', (_, frontOf) => {
  async function scene(options: RigOptions = {}) {
    const gateway = await GatewayRig.open(options);
    const { rig } = gateway;
    return {
      rig,
      front: frontOf(gateway),
      [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
    };
  }

  test('a job is enqueued and awaited; any status that is not retried is a response', async () => {
    await using it = await scene();
    const spec = { url: it.rig.url('/status/404'), method: 'POST', json: { a: 1 }, meta: ['x'] };
    const { id } = await it.front.enqueue(spec);
    const { outcome } = await it.front.end(id);
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1, response: { status: 404 }, meta: ['x'] });
    expect((await it.front.fetch({ url: it.rig.url('/echo') })).text).not.toBe('');
    await until(async () => (await it.front.look(id)).status === 'completed');
  });

  test('a job that fails is an outcome, a dead letter, and can be sent back and removed', async () => {
    await using it = await scene();
    const spec = { url: it.rig.url('/status/500'), attempts: 2, id: 'a' };
    expect((await it.front.fetch(spec)).outcome).toMatchObject({ kind: 'http-error', attempts: 2 });
    const isDead = async () => (await it.front.dead('SLUICE_HTTP_ERROR')).length === 1;
    await until(isDead);
    expect(await it.front.dead()).toMatchObject([{ id: 'a', code: 'SLUICE_HTTP_ERROR', attempts: 2 }]);
    expect(await it.front.dead('SLUICE_TIMEOUT')).toEqual([]);
    expect(await it.front.redrive(['a', 'b'])).toMatchObject({ redriven: 1, skipped: ['b'] });
    await until(async () => (await it.rig.upstream.arrivals()).length === 4);
    await until(isDead);
    expect(await it.front.purge()).toBe(1);
    expect(await it.front.dead()).toEqual([]);
  });

  test('a job that waits says why, and can be cancelled', async () => {
    await using it = await scene({ idle: true });
    const { id } = await it.front.enqueue({ url: it.rig.url('/') });
    expect(await it.front.look(id)).toMatchObject({ status: 'waiting', why: 'worker' });
    await it.front.pause(true);
    expect(await it.front.look(id)).toMatchObject({ status: 'waiting', why: 'paused' });
    await it.front.pause(false);
    expect(await it.front.cancel(id)).toBe('cancelled');
    expect((await it.front.end(id)).outcome.kind).toBe('cancelled');
    expect(await it.front.cancel(id)).toBe('ended');
  });

  test('the same call, id or key is the same job; with another payload it is refused', async () => {
    await using it = await scene({ idle: true });
    const spec = { url: it.rig.url('/'), method: 'POST', json: { amount: 5 } };
    const other = { ...spec, json: { amount: 6 } };
    const first = await it.front.enqueue(spec, 'call');
    expect(await it.front.enqueue(spec, 'call')).toMatchObject({ id: first.id, existed: true });
    await expect(it.front.enqueue(other, 'call')).rejects.toMatchObject({ code: 'SLUICE_KEY_REUSED' });
    for (const name of [{ id: 'order-1' }, { idempotencyKey: 'order 2' }]) {
      const named = await it.front.enqueue({ ...spec, ...name });
      expect((await it.front.enqueue({ ...spec, ...name })).id).toBe(named.id);
      const again = it.front.enqueue({ ...other, ...name });
      await expect(again).rejects.toMatchObject({ code: 'SLUICE_DUPLICATE_ID' });
    }
    expect((await it.rig.sluice.queues.show(it.rig.queue)).counts.waiting).toBe(3);
  });

  test('a spec with faults is refused with all of them, and a queue that nobody serves', async () => {
    await using it = await scene({ idle: true });
    const faulty = it.front.enqueue({ url: 'ftp://x', attempts: 0, headers: { 'a(b': 'x' } });
    await expect(faulty).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      paths: ['/url', '/headers/a(b', '/attempts'],
    });
    const inside = it.front.enqueue({ url: 'http://169.254.169.254/' });
    await expect(inside).rejects.toMatchObject({ code: 'SLUICE_BLOCKED' });
    await expect(it.front.end('none')).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
  });

  test('a batch takes what has no faults, once, and gives every end', async () => {
    await using it = await scene();
    const spec = (id: string) => ({ url: it.rig.url(`/${id}`), id });
    const specs = [
      spec('a'),
      { url: 'ftp://x', id: 'b' },
      { ...spec('c'), url: it.rig.url('/status/500'), attempts: 1 },
    ];
    expect(await it.front.upload('daily', specs)).toEqual(['SLUICE_INVALID_SPEC']);
    const ends = await it.front.ends('daily');
    expect(ends.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { id: 'a', kind: 'response' },
      { id: 'c', kind: 'http-error' },
    ]);
    expect(await it.front.progress('daily')).toMatchObject({ total: 2, ended: 2, failed: 1, sealed: true });
    await expect(it.front.upload('daily', [spec('d')])).rejects.toMatchObject({
      code: 'SLUICE_BATCH_SEALED',
    });
    expect(await it.front.upload('daily', [spec('a')])).toEqual([]);
    expect(await it.front.progress('daily')).toMatchObject({ total: 2 });
  });

  test('a policy is created, changed, or refused with its faults', async () => {
    await using it = await scene({ idle: true });
    expect(await it.front.setPolicy('new', { rate: '5/s' })).toBe('created');
    expect(await it.front.setPolicy('new', { rate: '5/s' })).toBe('same');
    expect(await it.front.setPolicy('new', { rate: '6/s', timeout: '5s' })).toBe('changed');
    expect(await it.front.policy('new')).toMatchObject({ rate: { limit: 6, per: 1000 }, timeout: 5000 });
    await expect(it.front.setPolicy('new', { rate: 'fast', timeout: -1 })).rejects.toMatchObject({
      code: 'SLUICE_INVALID_POLICY',
      paths: ['/rate', '/timeout'],
    });
    await expect(it.front.policy('none')).rejects.toMatchObject({ code: 'SLUICE_POLICY_MISSING' });
  });

  test('a schedule is set, listed and ended', async () => {
    await using it = await scene({ idle: true });
    await it.front.schedule('tick', '1h', { url: it.rig.url('/tick') });
    expect(await it.front.schedules()).toMatchObject([{ name: 'tick', every: 3_600_000 }]);
    const faulty = it.front.schedule('tick', '1ms', { url: it.rig.url('/tick') });
    await expect(faulty).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
    await it.front.unschedule('tick');
    expect(await it.front.schedules()).toEqual([]);
  });
});
