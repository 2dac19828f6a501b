import { describe, expect, test } from 'vitest';
import { closedGate, decodeMessage } from '../../packages/shared/src/index.ts';
import { openLab, origin } from './lab.ts';

describe('a hold', () => {
  test('is only ever extended: of 50 rejections at once with different waits the longest stands', async () => {
    await using lab = openLab();
    await lab.apply({});
    const waits = Array.from({ length: 50 }, (_, n) => ((n * 37) % 50) * 1000 + 1000);
    const before = Math.floor((await lab.now()) / 1000);
    const answers = await Promise.all(waits.map((ms) => lab.hold(ms)));
    const after = Math.ceil((await lab.now()) / 1000);
    const until = Number(await lab.redis.zscore(lab.own.holds, origin));
    expect(until).toBeGreaterThanOrEqual(before + 50_000);
    expect(until).toBeLessThanOrEqual(after + 50_000);
    for (const [n, ms] of waits.entries()) expect(answers[n]).toBeGreaterThanOrEqual(ms);
    expect(Math.max(...answers)).toBeLessThanOrEqual(50_000);
  });

  test('is not shortened by a rejection that asks for less, nor by one that asks for nothing', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(60_000);
    const until = await lab.redis.zscore(lab.own.holds, origin);
    expect(await lab.hold(100)).toBeGreaterThan(59_000);
    expect(await lab.hold(0, { refusedAfterMs: 1 })).toBeGreaterThan(59_000);
    expect(await lab.redis.zscore(lab.own.holds, origin)).toBe(until);
  });

  test('answers 0 and keeps nothing when no wait was asked for', async () => {
    await using lab = openLab();
    await lab.apply({});
    expect(await lab.hold(0, { refusedAfterMs: 1 })).toBe(0);
    expect(await lab.redis.exists(lab.own.holds)).toBe(0);
  });

  test('leaves other origins alone, and forgets those whose time is over', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(60_000, { origin: 'https://a.test' });
    await lab.hold(60_000, { origin: 'https://b.test' });
    await lab.redis.zadd(lab.own.holds, String(Math.floor((await lab.now()) / 1000) - 1), 'https://b.test');
    await lab.hold(1000, { origin: 'https://c.test' });
    expect(await lab.redis.zrange(lab.own.holds, '0', '-1')).toEqual(['https://c.test', 'https://a.test']);
  });

  test('is published when it grew, and only then', async () => {
    await using lab = openLab();
    await lab.apply({});
    const { heard } = await lab.listen('last');
    await lab.hold(20_000);
    await lab.hold(5000);
    await lab.hold(40_000);
    await lab.redis.publish(lab.keys.events, 'last');
    const messages = (await heard).map((text) => decodeMessage(text));
    expect(messages).toEqual([20_000, 40_000].map((ms) => ({ type: 'hold', queue: lab.queue, origin, ms })));
  });
});

describe('the gate', () => {
  test('is closed by a hold of the origin that the policy names, for as long', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s', origin });
    await lab.hold(30_000);
    const { taken, ttl } = await lab.limiter();
    expect(taken).toBe(closedGate);
    expect(ttl).toBeGreaterThan(29_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
  });

  test('is closed without a rate, too', async () => {
    await using lab = openLab();
    await lab.apply({ origin });
    await lab.hold(30_000);
    expect((await lab.limiter()).taken).toBe(closedGate);
    expect((await lab.gate()).max).toBeLessThan(closedGate);
  });

  test('stays as it is when the policy names no origin, or another', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s' });
    await lab.hold(30_000);
    expect((await lab.limiter()).taken).toBe(0);
    await lab.apply({ rate: '100/1s', origin: 'https://named.test' });
    await lab.hold(60_000);
    expect((await lab.limiter()).taken).toBe(0);
  });

  test('never opens earlier than the window that was running: a short hold does not cut it', async () => {
    await using lab = openLab();
    await lab.apply({ rate: { limit: 5, per: '1h', shape: 'burst' }, origin });
    await lab.redis.set(lab.own.limiter, 5, 'PX', 3_000_000);
    await lab.hold(1000);
    const { taken, ttl } = await lab.limiter();
    expect(taken).toBe(closedGate);
    expect(ttl).toBeGreaterThan(2_900_000);
  });

  test('stays closed for the longest of many holds', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s', origin });
    await Promise.all([1000, 30_000, 2000, 500].map((ms) => lab.hold(ms)));
    expect((await lab.limiter()).ttl).toBeGreaterThan(29_000);
  });
});

test('rejections are counted, and a hold without one is not', async () => {
  await using lab = openLab();
  await lab.apply({});
  await lab.hold(1000, { refusedAfterMs: 5 });
  await lab.hold(0, { refusedAfterMs: 5 });
  await lab.hold(5000);
  expect(await lab.redis.hget(lab.own.stats, 'refused')).toBe('2');
});
