import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pacingOf, rateSchema } from '../../packages/shared/src/index.ts';
import { type Granted, type Lab, openLab, origin } from './lab.ts';

/**
 * Whatever is asked, exchanged, given back and used late: fewer than `limit` starts, of those not given back, have an end
 * in the `per + slack` before each start. parts/start-log.ts says why no window then holds more than `limit`.
 *
 * Starts are reserved as far ahead as they lie, so hours of a rate pass in no time. Seeds are fixed; SLUICE_PROPERTY_RUNS
 * asks for more runs, at random.
 */

const runs = process.env['SLUICE_PROPERTY_RUNS'];
const chance = runs === undefined ? { numRuns: 40, seed: 20_261_124 } : { numRuns: Number(runs) };

/** As far ahead as starts are reserved here, ms. */
const longestMs = 1e9;

type Step =
  | { type: 'ask'; extraUs: number; waitedMs: number }
  | { type: 'ask-older' }
  | { type: 'exchange' | 'give-back'; which: number }
  | { type: 'late'; count: number }
  | { type: 'idle'; ms: number }
  | { type: 'jobs-wait'; yes: boolean }
  | { type: 'reject' }
  | { type: 'resume' };

const which = fc.nat(1000);
const asks = fc.record({
  type: fc.constant('ask' as const),
  extraUs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(100_000)),
  waitedMs: fc.constantFrom(0, 0, 0, 5, 2000),
});
const steps = fc.oneof(
  { weight: 12, arbitrary: asks },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('exchange' as const, 'give-back' as const), which }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('late' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('idle' as const), ms: fc.nat(5_000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('jobs-wait' as const), yes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('reject' as const, 'resume' as const) }) },
);

const rates = fc
  .record({
    limit: fc.constantFrom(1, 2, 5, 40, 700, 2000),
    per: fc.constantFrom(100, 1000, 60_000),
    slack: fc.constantFrom(5, 30),
    burst: fc.constantFrom('1', 'some', 'limit'),
  })
  .map(({ burst, limit, ...rate }) => ({
    ...rate,
    limit,
    burst: burst === '1' ? 1 : burst === 'some' ? Math.ceil(limit / 3) : limit,
  }));

/** µs. `ahead` times are of grants, in their order. */
type Start = { start: number; end: number; slot: Granted | null; isBack: boolean };

/** The starts that a sequence of steps leads to. */
async function play(lab: Lab, sequence: Iterable<Step>): Promise<Start[]> {
  const starts: Start[] = [];
  const out = (index: number) => {
    const held = starts.filter(({ isBack, slot }) => !isBack && slot !== null);
    return held.length === 0 ? undefined : held[index % held.length];
  };
  const ask = async (options: { extraUs?: number; waitedMs?: number; stale?: Granted }) => {
    const { verdict } = await lab.permit({ longestMs, ...options });
    expect(verdict).toBe('go');
    const slot = lab.granted();
    const start = Number(slot[0]);
    starts.push({ start, end: start + (options.extraUs ?? 0), slot, isBack: false });
  };
  for (const step of sequence) {
    switch (step.type) {
      case 'ask':
        await ask(step);
        break;
      case 'ask-older': {
        const start = await askOlder(lab);
        starts.push({ start, end: start, slot: null, isBack: false });
        break;
      }
      case 'exchange': {
        const stale = out(step.which);
        if (stale === undefined) break;
        stale.isBack = true;
        await ask({ stale: stale.slot! });
        break;
      }
      case 'give-back': {
        const unused = out(step.which);
        if (unused === undefined) break;
        unused.isBack = true;
        await lab.unused(unused.slot!);
        break;
      }
      case 'late':
        await lab.permit({ longestMs, late: step.count });
        starts.push({
          start: Number(lab.granted()[0]),
          end: Number(lab.granted()[0]),
          slot: lab.granted(),
          isBack: false,
        });
        break;
      case 'idle':
        // All that was granted lies behind, and a while more.
        await earlier(lab, starts, step.ms * 1000);
        break;
      case 'jobs-wait':
        if (step.yes) await lab.redis.rpush(lab.bull.wait, 'other');
        else await lab.redis.del(lab.bull.wait);
        break;
      case 'reject':
        await lab.hold(0, { refusedAfterMs: 0 });
        break;
      case 'resume':
        await lab.startEvenly();
        break;
    }
  }
  return starts;
}

/** Moves all times back until the last start lies `us` behind: as if so much time had passed. */
async function earlier(lab: Lab, starts: Start[], us: number): Promise<void> {
  const { last = '0' } = await lab.redis.hgetall(lab.own.schedule);
  const by = Number(last) - (await lab.now()) + us;
  if (by <= 0) return;
  for (const name of ['due', 'last', 'floor', 'even', 'calm']) {
    const time = Number((await lab.redis.hget(lab.own.schedule, name)) ?? 0);
    if (time > 0) await lab.redis.hset(lab.own.schedule, name, (time - by).toFixed(0));
  }
  const log = await lab.redis.lrange(lab.own.starts, 0, -1);
  const moved = log.map((value, index) => (index % 2 === 0 ? (Number(value) - by).toFixed(0) : value));
  const ttl = await lab.redis.pttl(lab.own.starts);
  await lab.redis.del(lab.own.starts);
  if (moved.length > 0) await lab.redis.rpush(lab.own.starts, ...moved);
  if (moved.length > 0) await lab.redis.pexpire(lab.own.starts, ttl);
  const pace = Number((await lab.redis.get(lab.own.pace)) ?? 0);
  if (pace > 0) await lab.redis.set(lab.own.pace, (pace - by).toFixed(0));
  for (const start of starts) {
    start.start -= by;
    start.end -= by;
    if (start.slot !== null)
      start.slot = [(Number(start.slot[0]) - by).toFixed(0), (Number(start.slot[1]) - by).toFixed(0)];
  }
}

const older = readFileSync(new URL('0.1/permit.lua', import.meta.url), 'utf8');

/** A worker of 0.1 asks. @returns its start, µs */
async function askOlder(lab: Lab): Promise<number> {
  const { keys, queue, own, bull } = lab;
  const place = [
    own.policy,
    own.pace,
    own.holds,
    own.limiter,
    keys.cancel(queue, 'old'),
    keys.outcome(queue, 'old'),
  ];
  const names = [...place, own.stats, own.flow, own.meta, keys.putOff(queue)];
  expect(bull.limiter).toBe(own.limiter);
  const reply = await lab.redis.eval(older, names.length, ...names, origin, longestMs, -1, 'old');
  const [verdict, , start] = reply as [number, number, string];
  expect(verdict).toBe(0);
  return Number(start);
}

/** The first start at which the window before it is full; null: none. */
function overfull(starts: readonly Start[], limit: number, spanUs: number): string | null {
  for (const [index, { start, isBack }] of starts.entries()) {
    if (isBack) continue;
    const before = starts.slice(0, index).filter((one) => !one.isBack && one.end > start - spanUs);
    // Millionths of a second are rounded.
    const really = before.filter((one) => one.end > start - spanUs + 2);
    if (really.length >= limit)
      return `start ${index} of ${starts.length}: ${really.length} before it in the window of ${limit}`;
  }
  return null;
}

const saturated = (sequence: readonly Step[], limit: number): Step[] => {
  const ask: Step = { type: 'ask', extraUs: 0, waitedMs: 0 };
  return [...Array.from({ length: Math.min(limit, 300) }, () => ask), ...sequence];
};

test('no window holds more than the limit, whatever is asked, exchanged, given back and used late', async () => {
  await fc.assert(
    fc.asyncProperty(rates, fc.array(steps, { minLength: 40, maxLength: 120 }), async (rate, sequence) => {
      await using lab = openLab();
      await lab.apply({ rate, origin });
      const starts = await play(lab, saturated(sequence, rate.limit));
      expect(overfull(starts, rate.limit, pacingOf(rateSchema.parse(rate)).spanUs)).toBeNull();
    }),
    chance,
  );
});

test('nor while workers of 0.1 ask, too', async () => {
  const mixed = fc.oneof(
    { weight: 3, arbitrary: fc.constant<Step>({ type: 'ask-older' }) },
    { weight: 3, arbitrary: asks },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('give-back' as const), which }) },
  );
  await fc.assert(
    fc.asyncProperty(
      rates.map((rate) => ({ ...rate, burst: 1 })),
      fc.array(mixed, { minLength: 20, maxLength: 120 }),
      async (rate, sequence) => {
        await using lab = openLab();
        await lab.apply({ rate, origin });
        const starts = await play(lab, sequence);
        expect(overfull(starts, rate.limit, pacingOf(rateSchema.parse(rate)).spanUs)).toBeNull();
      },
    ),
    chance,
  );
});

test('the log has about a thousand values at most, whatever the limit', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { limit: 1000, per: '1s', burst: 1 } });
  for (let n = 0; n < 3000; n++) await lab.permit({ longestMs });
  expect(await lab.redis.llen(lab.own.starts)).toBeLessThanOrEqual(2 * 514);
});
