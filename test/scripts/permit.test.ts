import { describe, expect, test } from 'vitest';
import { closedGate } from '../../packages/shared/src/index.ts';
import { openLab, origin } from './lab.ts';

describe('the permit script answers', () => {
  test('no-policy if the queue has none', async () => {
    await using lab = openLab();
    expect(await lab.permit()).toEqual({ verdict: 'no-policy', wait: 0 });
  });

  test('go at once if there is no rate', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.apply({ timeout: '5s' });
    for (let n = 0; n < 3; n++) expect(await lab.permit()).toEqual({ verdict: 'go', wait: 0 });
    expect(await lab.redis.exists(lab.own.pace)).toBe(0);
  });

  test('cancelled before settled, settled before held, held before the pace is looked at', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '1/1h', origin });
    expect((await lab.permit()).verdict).toBe('go');
    await lab.redis.set(lab.keys.cancel(lab.queue, 'job'), '1');
    await lab.redis.set(lab.keys.outcome(lab.queue, 'job'), '-');
    await lab.hold(30_000);
    expect((await lab.permit()).verdict).toBe('cancelled');
    await lab.redis.del(lab.keys.cancel(lab.queue, 'job'));
    expect((await lab.permit()).verdict).toBe('settled');
    await lab.redis.del(lab.keys.outcome(lab.queue, 'job'));
    expect((await lab.permit()).verdict).toBe('held');
    await lab.redis.del(lab.own.holds);
    expect((await lab.permit()).verdict).toBe('closed');
  });

  test('early, after settled and before held, to a job that the upstream asked to wait', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(30_000);
    await lab.putOff('job', 20_000);
    const early = await lab.permit();
    expect(early.verdict).toBe('early');
    expect(early.wait).toBeGreaterThan(15_000);
    expect(early.wait).toBeLessThanOrEqual(20_000);
    expect((await lab.permit({ id: 'other' })).verdict).toBe('held');
    await lab.redis.set(lab.keys.outcome(lab.queue, 'job'), '-');
    expect((await lab.permit()).verdict).toBe('settled');
  });

  test('go to a job that is no earlier than timers can be', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.putOff('job', 150);
    expect((await lab.permit()).verdict).toBe('go');
  });

  test('held only for the origin that is held, with the milliseconds that are left', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(30_000, { origin: 'https://other.test' });
    expect((await lab.permit()).verdict).toBe('go');
    const held = await lab.permit({ origin: 'https://other.test' });
    expect(held.verdict).toBe('held');
    expect(held.wait).toBeGreaterThan(25_000);
    expect(held.wait).toBeLessThanOrEqual(30_000);
  });

  test('go again when the hold is over', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(30_000);
    await lab.redis.zadd(lab.own.holds, Math.floor((await lab.now()) / 1000) - 1, origin);
    expect((await lab.permit()).verdict).toBe('go');
  });
});

describe('permits of a smooth rate', () => {
  test('are one pace apart, however many are requested at once', async () => {
    await using lab = openLab();
    const { paceUs } = await lab.apply({ rate: { limit: 100, per: '10s', slack: 300, burst: 1 } });
    expect(paceUs).toBe(103_000);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { verdict, wait } = await lab.permit({ longestMs: 10_000 });
        expect(verdict).toBe('go');
        return wait;
      }),
    );
    // The script's clock goes on between two calls, so each start is told from the later now: the wait is shorter by it.
    const begin = Number(await lab.redis.hget(lab.own.schedule, 'due')) - 50 * paceUs;
    expect(answers[0]).toBe(0);
    for (const [k, wait] of answers.entries()) expect(wait).toBeLessThanOrEqual(k * paceUs);
    const now = await lab.now();
    expect(begin).toBeLessThanOrEqual(now);
    expect(answers[49]!).toBeGreaterThan(49 * paceUs - (now - begin));
  });

  test('start on a grid of the pace that only ever moves on', async () => {
    await using lab = openLab();
    const { paceUs } = await lab.apply({ rate: { limit: 7, per: '1s', burst: 1 } });
    let start = (await lab.now()) + 10_000_000;
    await lab.redis.hset(lab.own.schedule, 'due', start);
    for (let n = 0; n < 5; n++) {
      await lab.permit({ longestMs: 60_000 });
      expect(lab.granted()[0]).toBe(String(start));
      start += paceUs;
      expect(await lab.redis.hget(lab.own.schedule, 'due')).toBe(String(start));
    }
  });

  test('of a burst of one are not saved up while nobody asks', async () => {
    await using lab = openLab();
    const { paceUs } = await lab.apply({ rate: '1/10s' });
    await lab.redis.hset(lab.own.schedule, 'due', (await lab.now()) - 60_000_000);
    expect((await lab.permit()).wait).toBe(0);
    const second = await lab.permit({ longestMs: 20_000 });
    expect(second.wait).toBeGreaterThan(paceUs / 2);
    expect(second.wait).toBeLessThanOrEqual(paceUs);
  });

  test('further away than the longest wait reserve nothing and close the gate until then', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '1/1m' });
    expect((await lab.permit()).verdict).toBe('go');
    const reserved = await lab.redis.lrange(lab.own.starts, 0, -1);
    const answer = await lab.permit({ longestMs: 1000 });
    expect(answer.verdict).toBe('closed');
    expect(answer.wait).toBeGreaterThan(55_000);
    expect(answer.wait).toBeLessThanOrEqual(60_030);
    expect(await lab.redis.lrange(lab.own.starts, 0, -1)).toEqual(reserved);
    const { taken, ttl } = await lab.limiter();
    expect(taken).toBe(closedGate);
    expect(ttl).toBeGreaterThan(55_000);
    expect(ttl).toBeLessThanOrEqual(answer.wait);
    expect(await lab.redis.hget(lab.own.stats, 'sent')).toBe('1');
  });

  test('do not stop forever after the clock was set back', async () => {
    await using lab = openLab();
    const { paceUs } = await lab.apply({ rate: '10/1s' });
    await lab.permit();
    const ahead = (await lab.now()) + 3_600_000_000;
    await lab.redis.hset(lab.own.schedule, { last: ahead, due: ahead + paceUs });
    const answer = await lab.permit();
    expect(answer.verdict).toBe('go');
    expect(answer.wait).toBe(paceUs);
  });

  test('leave a pace key that expires, but not before the next start', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '1/1m' });
    await lab.permit();
    const ttl = await lab.redis.pttl(lab.own.pace);
    expect(ttl).toBeGreaterThan(60_030);
    expect(ttl).toBeLessThanOrEqual(61_031);
  });

  test('are counted as requests sent, and nothing else is', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s' });
    await lab.permit();
    await lab.permit();
    await lab.redis.set(lab.keys.cancel(lab.queue, 'gone'), '1');
    await lab.permit({ id: 'gone' });
    await lab.hold(10_000);
    await lab.permit();
    expect(await lab.redis.hgetall(lab.own.stats)).toEqual({ sent: '2' });
  });
});

describe('the permits of a fixed window', () => {
  test('never wait: the gate alone keeps the rate', async () => {
    await using lab = openLab();
    await lab.apply({ rate: { limit: 2, per: '1m', shape: 'fixed' } });
    for (let n = 0; n < 5; n++) expect(await lab.permit()).toMatchObject({ verdict: 'go', wait: 0 });
    expect(await lab.gate()).toEqual({ max: 2, duration: 60_000 });
  });

  test('are still denied during a hold', async () => {
    await using lab = openLab();
    await lab.apply({ rate: { limit: 2, per: '1m', shape: 'fixed' } });
    await lab.hold(10_000);
    expect((await lab.permit()).verdict).toBe('held');
  });
});

describe('whoever is not let go pays nothing:', () => {
  test('a cancelled, a settled and a held job give the token of the gate back', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s' });
    await lab.redis.set(lab.own.limiter, 10, 'PX', 200);
    await lab.redis.set(lab.keys.cancel(lab.queue, 'a'), '1');
    await lab.redis.set(lab.keys.outcome(lab.queue, 'b'), '-');
    await lab.hold(10_000);
    const verdicts = [];
    for (const id of ['a', 'b', 'c']) verdicts.push((await lab.permit({ id, ageMs: 1 })).verdict);
    expect(verdicts).toEqual(['cancelled', 'settled', 'held']);
    expect((await lab.limiter()).taken).toBe(7);
  });

  test('a job that goes, and a redirect hop that is denied, keep it', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s' });
    await lab.redis.set(lab.own.limiter, 10, 'PX', 200);
    expect((await lab.permit({ ageMs: 1 })).verdict).toBe('go');
    await lab.hold(10_000);
    expect((await lab.permit({ ageMs: -1 })).verdict).toBe('held');
    expect((await lab.limiter()).taken).toBe(10);
  });

  test('a held job of a queue with one origin finds the gate closed for as long as the hold', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s', origin });
    await lab.hold(30_000);
    await lab.redis.del(lab.own.limiter);
    expect((await lab.permit({ ageMs: 1 })).verdict).toBe('held');
    const { taken, ttl } = await lab.limiter();
    expect(taken).toBe(closedGate);
    expect(ttl).toBeGreaterThan(25_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
  });
});

test('the gate stays shut until the permits that were granted last only 100 ms longer', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { limit: 100, per: '1s', slack: '30ms', burst: 1 } });
  for (let n = 0; n < 200; n++) await lab.permit({ longestMs: 10_000 });
  await lab.redis.set(lab.own.limiter, 24, 'PX', 300);
  const wait = (await lab.permit({ longestMs: 10_000 })).wait / 1000;
  const ttl = await lab.redis.pttl(lab.own.limiter);
  expect(ttl).toBeGreaterThan(wait - 150);
  expect(ttl).toBeLessThanOrEqual(wait + 10.3 - 100);
  expect(await lab.redis.get(lab.own.limiter)).toBe('24');
});

test('an open gate is not shut by a permit, nor a window made shorter', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '100/1s' });
  for (let n = 0; n < 30; n++) await lab.permit();
  expect(await lab.redis.exists(lab.own.limiter)).toBe(0);
  await lab.redis.set(lab.own.limiter, 24, 'PX', 60_000);
  await lab.permit();
  expect(await lab.redis.pttl(lab.own.limiter)).toBeGreaterThan(59_000);
});
