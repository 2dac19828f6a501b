import { describe, expect, test } from 'vitest';
import { Rig, quick, until } from './rig.ts';

describe('a job that is delivered at most once', () => {
  const policy = { delivery: 'at-most-once', retry: quick } as const;

  test('and whose worker stopped while it was being sent ends ambiguous: it is not sent again', async () => {
    await using rig = await Rig.open({ idle: true, policy });
    const pool = await rig.startPool();
    const end = rig.end('/hang', { method: 'POST', body: 'x' });
    await rig.arrived(1);
    await pool.drain(0);
    await rig.startPool();
    expect((await end).outcome).toMatchObject({ kind: 'ambiguous', error: { code: 'SLUICE_AMBIGUOUS' } });
    expect(await rig.seen()).toEqual(['POST /hang']);
  });

  test('is sent by the next worker when the first one stopped before it sent anything', async () => {
    await using rig = await Rig.open({
      idle: true,
      policy: { ...policy, rate: { limit: 2, per: '1s', burst: 1 } },
    });
    const pool = await rig.startPool();
    const ends = Array.from({ length: 3 }, (_, n) => rig.end(`/?${n}`));
    await rig.arrived(1);
    await rig.quiet();
    await pool.drain(0);
    await rig.startPool();
    const kinds = (await Promise.all(ends)).map(({ outcome }) => outcome.kind);
    expect(kinds).toEqual(['response', 'response', 'response']);
    expect(await rig.seen()).toHaveLength(3);
  });

  test('is not retried after 500, whatever its method, but after a rejection', async () => {
    await using rig = await Rig.open({ policy });
    expect((await rig.end('/status/500?a')).outcome).toMatchObject({ kind: 'http-error', attempts: 1 });
    expect((await rig.end('/status/429?times=1')).outcome).toMatchObject({ kind: 'response', attempts: 2 });
  });

  test('may ask for it itself, in a queue that delivers at least once', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    const once = await rig.end('/status/500?a', { delivery: 'at-most-once' });
    expect(once.outcome).toMatchObject({ kind: 'http-error', attempts: 1 });
    expect((await rig.end('/status/500?times=1')).outcome).toMatchObject({ kind: 'response', attempts: 2 });
  });
});

describe('the idempotency key', () => {
  const keys = async (rig: Rig) =>
    (await rig.upstream.arrivals()).map(({ headers }) => headers?.['idempotency-key']);

  test('of a POST is the same on every attempt, and no two jobs have the same', async () => {
    await using rig = await Rig.open({ policy: { retry: quick }, upstream: { keepHeaders: true } });
    await rig.end('/status/429?times=2', { method: 'POST', body: 'x' });
    await rig.end('/echo', { method: 'POST', body: 'x' });
    const [first, second, third, other] = await keys(rig);
    expect(first).toMatch(/.{8}/);
    expect([second, third]).toEqual([first, first]);
    expect(other).not.toBe(first);
  });

  test("is the caller's own if there is one, and none is sent with a GET", async () => {
    await using rig = await Rig.open({ upstream: { keepHeaders: true } });
    await rig.end('/echo', { method: 'POST', body: 'x', headers: { 'Idempotency-Key': 'mine' } });
    await rig.end('/echo');
    expect(await keys(rig)).toEqual(['mine', undefined]);
  });

  test('makes a POST repeatable if the policy says that the upstream honours it', async () => {
    await using rig = await Rig.open({ policy: { retry: { ...quick, honoursIdempotencyKey: true } } });
    const { outcome } = await rig.end('/status/500?times=1', { method: 'POST', body: 'x' });
    expect(outcome).toMatchObject({ kind: 'response', attempts: 2 });
  });
});

test('a job of a newer producer is put off, not ended: a newer worker will read it', async () => {
  await using rig = await Rig.open();
  await rig.addRaw('newer', { v: 99, something: 'else' });
  await until(async () => (await rig.bull.getJobState('newer')) === 'delayed');
  expect(await rig.redis.exists(rig.keys.outcome(rig.queue, 'newer'))).toBe(0);
  expect((await rig.bull.getJob('newer'))?.attemptsMade).toBe(0);
});
