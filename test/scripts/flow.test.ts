import { describe, expect, test } from 'vitest';
import type { PolicyInput } from '../../packages/shared/src/index.ts';
import { type Lab, openLab, origin } from './lab.ts';

const policy: PolicyInput = { rate: { limit: 100, per: 995, slack: 5, burst: 1 }, origin };
const fullPaceUs = 10_000;
const unitUs = 1_000_000;

type State = { low: number; ceiling: number; until: number; paceUs: number };

async function stateOf(lab: Lab): Promise<State | null> {
  const state = await lab.redis.hgetall(lab.own.flow);
  if (state['low'] === undefined) return null;
  const { low, ceiling, until, paceUs } = state;
  return { low: Number(low), ceiling: Number(ceiling), until: Number(until), paceUs: Number(paceUs) };
}

/** Moves the congestion back, as if its quiet time had ended so many units ago. */
async function quietFor(lab: Lab, units: number): Promise<void> {
  await lab.redis.hset(lab.own.flow, 'until', Math.round((await lab.now()) - units * unitUs));
}

/** The pace in force, as a permit shows it, µs. */
async function paceInForce(lab: Lab): Promise<number> {
  // Nothing is late, and nothing is in the window.
  const due = (await lab.now()) + 30_000_000;
  await lab.redis.del(lab.own.starts);
  await lab.redis.hset(lab.own.schedule, { due, last: 0, floor: 0, logged: 0 });
  expect((await lab.permit({ longestMs: 60_000 })).verdict).toBe('go');
  return Number(await lab.redis.hget(lab.own.schedule, 'due')) - due;
}

/** So many requests were sent in the last tenth of the window. */
async function sent(lab: Lab, count: number): Promise<void> {
  await lab.redis.del(lab.own.starts);
  if (count > 0) await lab.redis.rpush(lab.own.starts, (await lab.now()) - unitUs / 10, count);
  await lab.redis.hset(lab.own.schedule, 'logged', count);
}

describe('when the upstream rejects', () => {
  test('what it accepted in the last window is its limit: the rate falls to 98 % of it, for gate and pace alike', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    expect(await paceInForce(lab)).toBe(fullPaceUs);
    // With the one that is rejected.
    await sent(lab, 81);
    await lab.hold(0, { refusedAfterMs: 0 });
    const state = (await stateOf(lab))!;
    expect(state.ceiling).toBeCloseTo(80, 5);
    expect(state.low).toBeCloseTo(0.98 * 80, 5);
    expect(await paceInForce(lab)).toBe(state.paceUs);
    const { max, duration } = await lab.gate();
    const shareOfPace = (duration * 1000) / max / state.paceUs;
    expect(shareOfPace).toBeGreaterThanOrEqual(0.5);
    expect(shareOfPace).toBeLessThan(0.55);
    expect(Number(await lab.redis.hget(lab.own.policy, 'window'))).toBe(duration);
  });

  test('no window holds more than the upstream accepted', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 81);
    await lab.hold(0, { refusedAfterMs: 0 });
    // 78 of them are what a window may hold now, and all 81 leave it at once.
    const { verdict, wait } = await lab.permit();
    expect(verdict).toBe('go');
    expect(wait).toBeGreaterThan(0.8 * unitUs);
  });

  test('although all that the policy allows was accepted, the count says nothing: the rate falls to seven tenths', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 100);
    await lab.hold(0, { refusedAfterMs: 0 });
    expect((await stateOf(lab))!.low).toBeCloseTo(70, 5);
  });

  test('after a few requests, the rate falls by half at most', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 1);
    await lab.hold(0, { refusedAfterMs: 0 });
    expect((await stateOf(lab))!.low).toBeCloseTo(0.98 * 50, 5);
  });

  test('idle time earns nothing for an hour', async () => {
    await using lab = openLab();
    await lab.apply({ ...policy, rate: { limit: 100, per: 995, slack: 5 } });
    await lab.hold(0, { refusedAfterMs: 0 });
    const { bank, even } = await lab.redis.hgetall(lab.own.schedule);
    expect(bank).toBe('0');
    const hour = 3_600_000_000;
    expect(Number(even)).toBeGreaterThan((await lab.now()) + hour - 10_000_000);
  });

  test('the rate of a queue that names no origin, or another one, stays', async () => {
    for (const other of [undefined, 'https://other.test']) {
      await using lab = openLab();
      await lab.apply({ rate: policy.rate!, ...(other === undefined ? {} : { origin: other }) });
      expect(await lab.hold(1000, { refusedAfterMs: 0 })).toBeGreaterThan(0);
      expect(await stateOf(lab)).toBeNull();
      expect(await lab.redis.hget(lab.own.stats, 'refused')).toBe('1');
    }
  });

  test('it falls once per congestion: 50 rejections of what was sent before count as one', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 100);
    await Promise.all(Array.from({ length: 50 }, () => lab.hold(0, { refusedAfterMs: 20 })));
    expect((await stateOf(lab))!.low).toBeCloseTo(70, 5);
    expect(await lab.redis.hget(lab.own.stats, 'refused')).toBe('50');
  });

  test('it falls again for a request that was sent after the congestion', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 100);
    await lab.hold(0, { refusedAfterMs: 0 });
    await quietFor(lab, 0.5);
    await sent(lab, 100);
    await lab.hold(0, { refusedAfterMs: 50 });
    const { low, ceiling } = (await stateOf(lab))!;
    expect(low).toBeLessThan(53);
    expect(low).toBeGreaterThan(48);
    expect(low).toBeCloseTo(0.7 * ceiling, 5);
  });

  test('a rate that was kept for a unit without a rejection is not given up for a little more', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await sent(lab, 100);
    await lab.hold(0, { refusedAfterMs: 0 });
    await quietFor(lab, 5);
    await lab.hold(0, { refusedAfterMs: 1 });
    expect((await stateOf(lab))!.low).toBeCloseTo(0.95 * 70, 1);
  });

  test('a stated wait longer than the unit is how long the congestion lasts', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    const before = await lab.now();
    await lab.hold(30_000, { refusedAfterMs: 0 });
    const { until } = (await stateOf(lab))!;
    expect(until).toBeGreaterThanOrEqual(before + 30_000_000);
    expect(until).toBeLessThanOrEqual((await lab.now()) + 30_000_000);
  });

  test('an announced quota that is used up is not a rejection: it holds, and the rate stays', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    await lab.hold(30_000);
    expect(await stateOf(lab)).toBeNull();
  });
});

describe('the effective rate', () => {
  async function lowered(): Promise<Lab> {
    const lab = openLab();
    await lab.apply(policy);
    await sent(lab, 100);
    await lab.hold(0, { refusedAfterMs: 0 });
    return lab;
  }

  test.each([
    [0, 70],
    [5, 82.5],
    [10, 95],
    [25, 95],
    [40, 95],
    [42, 97],
    [44, 99],
  ])('is, %d units after the congestion, %d of 100', async (units, rate) => {
    await using lab = await lowered();
    await quietFor(lab, units);
    const pace = await paceInForce(lab);
    expect(1_000_000 / pace).toBeGreaterThan(rate - 0.5);
    expect(1_000_000 / pace).toBeLessThan(rate + 0.5);
  });

  test('never rises above the policy: there the state is dropped, and gate and pace are full again', async () => {
    await using lab = await lowered();
    await quietFor(lab, 46);
    expect(await paceInForce(lab)).toBe(fullPaceUs);
    expect(await stateOf(lab)).toBeNull();
    expect(await lab.gate()).toEqual({ max: 25, duration: 125 });
    expect(await lab.redis.hget(lab.own.policy, 'window')).toBe('125');
  });

  test('takes the gate with it while it climbs, in steps of two percent', async () => {
    await using lab = await lowered();
    for (const units of [0, 1, 3, 6, 10, 43]) {
      await quietFor(lab, units);
      const pace = await paceInForce(lab);
      const { max, duration } = await lab.gate();
      const gatePace = (duration * 1000) / max;
      expect(Math.abs(2 * gatePace - pace) / pace).toBeLessThan(0.06);
    }
  });

  test('is forgotten a day after the last rejection', async () => {
    await using lab = await lowered();
    const ttl = await lab.redis.pttl(lab.own.flow);
    expect(ttl).toBeGreaterThan(86_000_000);
    expect(ttl).toBeLessThanOrEqual(86_400_000);
  });

  test('never falls to nothing, however often the upstream rejects', async () => {
    await using lab = openLab();
    await lab.apply(policy);
    for (let n = 0; n < 60; n++) {
      await lab.hold(0, { refusedAfterMs: 0 });
      await quietFor(lab, 0.1);
    }
    await lab.permit();
    const state = (await stateOf(lab))!;
    expect(Number.isFinite(state.paceUs)).toBe(true);
    expect(state.paceUs).toBeGreaterThan(fullPaceUs);
    const { max, duration } = await lab.gate();
    expect(max).toBe(1);
    expect(Number.isSafeInteger(duration)).toBe(true);
    expect(['go', 'closed']).toContain((await lab.permit()).verdict);
  });
});

describe('a queue is left alone', () => {
  test.each([
    ['that is not adaptive', { rate: { limit: 100, per: 995, slack: 5, burst: 1, adaptive: false } }],
    ['whose window is fixed', { rate: { limit: 100, per: '1s', shape: 'fixed' } }],
    ['that has no rate', {}],
  ] satisfies [string, PolicyInput][])('%s', async (_, input) => {
    await using lab = openLab();
    await lab.apply({ ...input, origin });
    const gate = await lab.gate();
    await lab.hold(0, { refusedAfterMs: 0 });
    await lab.permit();
    expect(await stateOf(lab)).toBeNull();
    expect(await lab.gate()).toEqual(gate);
    expect(await lab.redis.hget(lab.own.stats, 'refused')).toBe('1');
  });
});
