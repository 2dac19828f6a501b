import { describe, expect, inject, test } from 'vitest';
import { startTcpProxy } from '../../lab/faults/tcp-proxy.ts';
import { killAndUnlock, until } from '../fleet.ts';
import {
  arrived,
  isMarked,
  open,
  permitsGranted,
  policy,
  post,
  postponeNextStart,
  replaceWorker,
  upstream,
  useUpstream,
} from '../scenes/delivery.ts';

useUpstream();

describe('at most once: the worker is killed', () => {
  const once = { delivery: 'at-most-once', rate: { limit: 2, per: '1s', burst: 1 } } as const;

  test('before the job has its permit: the next worker performs it, once', async () => {
    await using fleet = await open(once, { SLUICE_CONCURRENCY: '1' });
    await fleet.client.policies.set('busy', policy);
    // It has the only slot of the process, so the other waits for it.
    const busy = await fleet.client.enqueue(`${upstream.url}/hang`, { queue: 'busy' });
    await arrived(1);
    const handle = await post(fleet);
    await until(async () => (await handle.status()) === 'active');
    expect(await permitsGranted(fleet)).toBe(0);
    await killAndUnlock(fleet, 'api', fleet.workers[0]!);
    expect(await busy.cancel()).toMatch(/^cancell/);
    await fleet.startWorker();
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect((await upstream.arrivals()).filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  test('between its permit and the mark: the next worker performs it, once', async () => {
    await using fleet = await open(once);
    await postponeNextStart(fleet, 900);
    const handle = await post(fleet);
    await until(async () => (await permitsGranted(fleet)) === 1);
    await killAndUnlock(fleet, 'api', fleet.workers[0]!);
    expect(await isMarked(fleet, handle)).toBe(false);
    expect(await upstream.arrivals()).toEqual([]);
    await fleet.startWorker();
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(await upstream.arrivals()).toHaveLength(1);
  });

  test('while the upstream works on it: it is ambiguous, a dead letter, and there was one request', async () => {
    await using fleet = await open(once);
    await upstream.set({ latencyMs: 60_000 });
    const handle = await post(fleet);
    await arrived(1);
    await replaceWorker(fleet);
    expect((await handle.outcome()).outcome.kind).toBe('ambiguous');
    await until(async () => (await fleet.client.dead.get('api', handle.id)) !== null);
    expect(await upstream.arrivals()).toHaveLength(1);

    // Its caller decides: sent back, it is sent once more.
    expect(await fleet.client.dead.redrive('api', handle.id)).toMatchObject({ ambiguous: [handle.id] });
    expect(await fleet.client.dead.redrive('api', handle.id, { ambiguous: true })).toMatchObject({
      redriven: 1,
    });
    await until(async () => (await handle.status()) === 'completed');
    expect(await upstream.arrivals()).toHaveLength(2);
  });

  test('after the answer and before it was reported: it is ambiguous, and there was one request', async () => {
    const { hostname: host, port } = new URL(inject('redisUrl'));
    await using proxy = await startTcpProxy({ host, port: Number(port) });
    await using fleet = await open(once, { SLUICE_REDIS_URL: `redis://${proxy.host}:${proxy.port}` });
    await upstream.set({ latencyMs: 300 });
    const handle = await post(fleet);
    await arrived(1);
    proxy.stall();
    await until(async () => (await upstream.arrivals())[0]!.status === 200);
    await killAndUnlock(fleet, 'api', fleet.workers[0]!);
    proxy.cut();
    proxy.heal();
    await fleet.startWorker();
    expect((await handle.outcome()).outcome.kind).toBe('ambiguous');
    expect(await upstream.arrivals()).toHaveLength(1);
  });
});

test('at most once: a job that its worker gives back while it waits is performed once, later', async () => {
  await using fleet = await open(
    { delivery: 'at-most-once', rate: { limit: 2, per: '1s', burst: 1 } },
    { SLUICE_GRACE: '0s' },
  );
  await postponeNextStart(fleet, 900);
  const handle = await post(fleet);
  await until(async () => (await permitsGranted(fleet)) === 1);
  fleet.workers[0]!.signal('SIGTERM');
  expect((await fleet.workers[0]!.exit()).code).toBe(0);
  expect(await handle.status()).toBe('waiting');
  expect(await isMarked(fleet, handle)).toBe(false);
  await fleet.startWorker();
  expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  expect(await upstream.arrivals()).toHaveLength(1);
});
