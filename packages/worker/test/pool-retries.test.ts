import { describe, expect, test } from 'vitest';
import { startUpstream } from '../../../test/lab/upstream/server.ts';
import { Rig, quick, until } from './rig.ts';

describe('a failed attempt is followed by another', () => {
  test('after base, 2 x base, 4 x base, 8 x base: the delays are those of the schedule', async () => {
    await using rig = await Rig.open({ policy: { retry: { base: 100, jitter: 0 } } });
    const { outcome } = await rig.end('/status/500', { attempts: 5 });
    expect(outcome).toMatchObject({ kind: 'http-error', attempts: 5 });
    const gaps = await rig.gaps();
    expect(gaps).toHaveLength(4);
    for (const [n, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(100 * 2 ** n - 2);
  });

  test('no longer than the cap', async () => {
    await using rig = await Rig.open({ policy: { retry: { base: 100, cap: 150, factor: 10, jitter: 0 } } });
    // Without it, after 100 s in the end.
    await rig.end('/status/500', { attempts: 5 });
    for (const gap of (await rig.gaps()).slice(1)) expect(gap).toBeGreaterThanOrEqual(148);
  });

  test('no earlier than the upstream asks', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const { outcome } = await rig.end('/status/503?times=1&retryAfter=1');
    expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
    expect((await rig.gaps())[0]).toBeGreaterThanOrEqual(1000);
  });

  test('no later than maxHold, however long the upstream asks for', async () => {
    await using rig = await Rig.open({ policy: { retry: quick, maxHold: 300 } });
    const { outcome } = await rig.end('/status/429?times=1&retryAfter=3600');
    expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
    const [gap] = await rig.gaps();
    expect(gap).toBeGreaterThanOrEqual(300);
  });

  test('as often as the job says, or else the policy', async () => {
    await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 2 } } });
    expect((await rig.end('/status/500')).outcome.attempts).toBe(2);
    expect((await rig.end('/status/500', { attempts: 1 })).outcome.attempts).toBe(1);
    expect((await rig.end('/status/500', { attempts: 4 })).outcome.attempts).toBe(4);
  });

  test('with no delay at all if the base is 0', async () => {
    await using rig = await Rig.open({ policy: { retry: { base: 0, jitter: 0 } } });
    expect((await rig.end('/status/500', { attempts: 4 })).outcome).toMatchObject({
      kind: 'http-error',
      attempts: 4,
    });
  });

  test('when the upstream orders it, and not when it forbids it', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const ordered = await rig.end('/status/400?times=1&header=x-should-retry:true');
    expect(ordered.outcome).toMatchObject({ kind: 'response', attempts: 2, response: { status: 200 } });
    const forbidden = await rig.end('/status/500?header=x-should-retry:false');
    expect(forbidden.outcome).toMatchObject({ kind: 'http-error', attempts: 1 });
  });
});

describe('a POST without an idempotency-key', () => {
  test.each([
    ['500', '/status/500'],
    ['503 without a stated wait', '/status/503'],
    ['408', '/status/408'],
    ['a reset connection', '/reset'],
    ['a timeout', '/hang'],
  ])('is not repeated after %s', async (_, path) => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const { outcome } = await rig.end(path, { method: 'POST', body: 'once', timeoutMs: 150 });
    expect(outcome.kind).not.toBe('response');
    expect(outcome.attempts).toBe(1);
    expect(await rig.seen()).toEqual([`POST ${path}`]);
  });

  test.each([
    ['429', '/status/429?times=1'],
    ['503 with a Retry-After', '/status/503?times=1&retryAfter=0'],
    ['425', '/status/425?times=1'],
  ])('is repeated after %s, for the upstream has done nothing', async (_, path) => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const { outcome } = await rig.end(path, { method: 'POST', body: 'once' });
    expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
    expect(await rig.seen()).toEqual([`POST ${path}`, `POST ${path}`]);
  });

  test('is retried when nothing of it can have been sent', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const { port } = rig.upstream;
    await rig.upstream.close();
    const { outcome } = await rig.end(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body: 'x',
      attempts: 3,
    });
    expect(outcome).toMatchObject({ kind: 'network', attempts: 3 });
  });
});

test('a POST with the idempotency-key of its caller is repeated after 500', async () => {
  await using rig = await Rig.open({ policy: { retry: quick } });
  const headers = { 'Idempotency-Key': 'k-1' };
  const { outcome } = await rig.end('/status/500?times=1', { method: 'POST', body: 'x', headers });
  expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
});

test('a rejection with a stated wait holds its origin: the job behind it leaves no earlier', async () => {
  await using rig = await Rig.open({ policy: { retry: quick } });
  const first = rig.end('/status/429?times=1&retryAfter=1');
  await until(async () => (await rig.redis.exists(rig.keys.holds(rig.queue))) === 1);
  const second = await rig.end('/?second');
  expect(second.outcome).toMatchObject({ kind: 'response', attempts: 1 });
  expect((await first).outcome).toMatchObject({ kind: 'response', attempts: 2 });
  const arrivals = await rig.upstream.arrivals();
  for (const later of arrivals.slice(1)) expect(later.t - arrivals[0]!.t).toBeGreaterThanOrEqual(1000);
  expect(await rig.sluice.queues.stats(rig.queue)).toEqual({ sent: 3, rejected: 1 });
});

test('a queue whose policy names the origin takes nothing more while it is held, and loses nothing', async () => {
  await using rig = await Rig.open({ idle: true });
  await rig.sluice.policies.set(rig.queue, {
    egress: { allow: ['127.0.0.0/8'] },
    retry: quick,
    origin: rig.upstream.url,
  });
  await rig.startPool();
  const first = rig.end('/status/429?times=1&retryAfter=1');
  await until(async () => (await rig.redis.exists(rig.keys.holds(rig.queue))) === 1);
  const later = await Promise.all(Array.from({ length: 5 }, (_, n) => rig.end(`/?${n}`)));
  for (const { outcome } of later) expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
  await first;
  const arrivals = await rig.upstream.arrivals();
  expect(arrivals).toHaveLength(7);
  for (const next of arrivals.slice(1)) expect(next.t - arrivals[0]!.t).toBeGreaterThanOrEqual(1000);
});

test('in a queue of several origins, one that always rejects leaves the rate to the others', async () => {
  await using bad = await startUpstream();
  await using rig = await Rig.open({ policy: { rate: '200/1s', retry: { ...quick, attempts: 2 } } });
  const refused = Array.from({ length: 5 }, async () => await rig.end(`${bad.url}/status/429`));
  const served = Array.from({ length: 100 }, async () => await rig.end('/'));
  for (const { outcome } of await Promise.all(refused)) expect(outcome.kind).toBe('rate-limited');
  for (const { outcome } of await Promise.all(served)) expect(outcome.kind).toBe('response');
  expect((await rig.sluice.queues.show(rig.queue)).slowedTo).toBeNull();
});
