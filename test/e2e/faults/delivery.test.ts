import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Handle, JobSpec, PolicyInput } from '../../../packages/producer/src/index.ts';
import { startTcpProxy } from '../../support/faults/tcp-proxy.ts';
import { freePort } from '../../support/free-port.ts';
import { spawnUpstream } from '../../support/upstream/spawn.ts';
import type { Upstream } from '../../support/upstream/server.ts';
import { type Fleet, killAndUnlock, openFleet, until } from '../fleet.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s' };

let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream({ keepHeaders: true });
});
beforeEach(async () => {
  await upstream.set({ latencyMs: 0 });
  await upstream.reset();
});
afterAll(() => upstream.close());

const policy: PolicyInput = { egress: { allow: ['127.0.0.0/8'] }, retry: { base: 10, jitter: 0 } };

async function open(change: PolicyInput = {}, extra: Record<string, string> = {}): Promise<Fleet> {
  const fleet = await openFleet(1, { ...env, ...extra });
  await fleet.client.policies.set('api', { ...policy, ...change });
  return fleet;
}

const post = (fleet: Fleet, spec: Partial<JobSpec> = {}) =>
  fleet.client.enqueue({ url: `${upstream.url}/json`, method: 'POST', body: 'x', ...spec }, { queue: 'api' });

/** Resolves when the upstream has seen so many requests. */
const arrived = (count: number) => until(async () => (await upstream.arrivals()).length >= count);

/** The worker is killed, and another one takes its place. */
async function replaceWorker(fleet: Fleet): Promise<void> {
  await killAndUnlock(fleet, 'api', fleet.workers[0]!);
  await upstream.set({ latencyMs: 0 });
  await fleet.startWorker();
}

/** Puts the next start of the queue so far away that a permit is granted, and slept on. */
async function postponeNextStart({ redis, keys }: Fleet, ms: number): Promise<void> {
  const [seconds, micros] = await redis.time();
  const next = Number(seconds) * 1_000_000 + Number(micros) + ms * 1000;
  await redis.set(keys.pace('api'), String(next), 'PX', ms + 1000);
}

const permitsGranted = async ({ redis, keys }: Fleet) => Number(await redis.hget(keys.stats('api'), 'sent'));
const isMarked = async ({ redis, keys }: Fleet, { id }: Handle) =>
  (await redis.exists(keys.sent('api', id))) === 1;

describe('at least once: the worker is killed while a POST is under way', () => {
  test('and it is made again, with the same key, which is never over the own one of its caller', async () => {
    await using fleet = await open({}, { SLUICE_CONCURRENCY: '3' });
    await upstream.set({ latencyMs: 60_000 });
    const handles = [
      await post(fleet),
      await post(fleet, { headers: { 'Idempotency-Key': 'mine' } }),
      await post(fleet, { idempotencyKey: 'order-7' }),
    ];
    await arrived(3);
    await replaceWorker(fleet);
    for (const handle of handles) {
      // The run whose worker was killed spent nothing.
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    const keys = (await upstream.arrivals()).map(({ headers }) => headers?.['idempotency-key']);
    expect(keys).toHaveLength(6);
    expect(new Set(keys.slice(0, 3))).toEqual(new Set(keys.slice(3)));
    expect(new Set(keys)).toEqual(new Set([handles[0]!.id, 'mine', 'order-7']));
  });
});

describe('at most once: the worker is killed', () => {
  const once = { delivery: 'at-most-once', rate: '2/1s' } as const;

  test('before the job has its permit: it is performed by the next one, once', async () => {
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

  test('between its permit and the mark: it is performed by the next one, once', async () => {
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

  test('after the mark, with the request still on the wire: it is ambiguous, and not sent again', async () => {
    await using proxy = await startTcpProxy({ host: '127.0.0.1', port: upstream.port });
    await using fleet = await open(once);
    await postponeNextStart(fleet, 900);
    const handle = await post(fleet, { url: `http://127.0.0.1:${proxy.port}/json` });
    // By now it has its connection: what it writes from here on waits in the proxy.
    await until(async () => (await permitsGranted(fleet)) === 1);
    proxy.stall();
    await until(() => isMarked(fleet, handle));
    await killAndUnlock(fleet, 'api', fleet.workers[0]!);
    await fleet.startWorker();
    expect((await handle.outcome()).outcome).toMatchObject({
      kind: 'ambiguous',
      attempts: 1,
      error: { code: 'SLUICE_AMBIGUOUS' },
    });
    proxy.cut();
    expect(await upstream.arrivals()).toEqual([]);
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

  test('after the answer and before it could be told: it is ambiguous, and there was one request', async () => {
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
  await using fleet = await open({ delivery: 'at-most-once', rate: '2/1s' }, { SLUICE_GRACE: '0s' });
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

test.each(['at-least-once', 'at-most-once'] as const)(
  'a POST delivered %s is tried again only where it is proven that nothing happened',
  async (delivery) => {
    await using fleet = await open({ delivery, retry: { base: 10, jitter: 0, attempts: 2 } });
    const closed = `http://127.0.0.1:${await freePort()}/`;
    const cases: [path: string, tries: number, kind: string][] = [
      ['/status/429?times=1', 2, 'response'],
      ['/status/503?times=1&retryAfter=0', 2, 'response'],
      [closed, 2, 'network'],
      ['http://no-such-name.example.com/', 2, 'network'],
      ['/status/503?times=1', 1, 'http-error'],
      ['/status/500?times=1', 1, 'http-error'],
      ['/status/408?times=1', 1, 'http-error'],
      ['/reset', 1, 'network'],
      ['/reset?after=3', 1, 'network'],
      ['/hang', 1, 'timeout'],
      ['/hang-body', 1, 'timeout'],
    ];
    const ends = cases.map(async ([path]) => {
      const url = path.startsWith('/') ? upstream.url + path : path;
      const { outcome } = await (await post(fleet, { url, timeoutMs: 1500 })).outcome();
      return [path, outcome.attempts, outcome.kind];
    });
    expect(await Promise.all(ends)).toEqual(cases);
    const seen = (await upstream.arrivals()).map(({ path }) => path);
    const expected = cases
      .filter(([path]) => path.startsWith('/'))
      .flatMap(([path, tries]) => Array.from({ length: tries }, () => path));
    expect(seen.sort()).toEqual(expected.sort());
  },
);
