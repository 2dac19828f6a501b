import { describe, expect, test } from 'vitest';
import { closedGate, policySchema, unlimitedMax } from '../../packages/shared/src/index.ts';
import { type Lab, openLab, origin } from './lab.ts';

/** All that is kept under the prefix; TTLs apart. */
async function everything(lab: Lab): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const key of await lab.redis.keys(`${lab.prefix}*`)) {
    const value = {
      hash: () => lab.redis.hgetall(key),
      string: () => lab.redis.get(key),
      list: () => lab.redis.lrange(key, 0, -1),
      stream: () => lab.redis.xrange(key, '-', '+'),
    }[await lab.redis.type(key)];
    found[key] = await value!();
  }
  return found;
}

describe('applying a policy', () => {
  test('creates it with version 1, and lists the queue', async () => {
    await using lab = openLab();
    const applied = await lab.apply({ rate: '100/1s' }, 'create');
    expect(applied).toMatchObject({ verdict: 'created', version: 1 });
    expect(await lab.redis.hgetall(lab.keys.queues)).toEqual({ q: '1' });
    const stored = await lab.redis.hgetall(lab.own.policy);
    expect(policySchema.parse(JSON.parse(stored['json']!))).toEqual(
      policySchema.parse({ rate: { limit: 100, per: 1000 } }),
    );
    expect(stored).toMatchObject({
      version: '1',
      paceUs: String(applied.paceUs),
      window: String(applied.gate.duration),
      origin: '',
      unitUs: '1000000',
    });
    // A new queue may send its burst at once.
    expect(await lab.gate()).toEqual({ ...applied.gate, max: 100 });
  });

  test('says that it is the same, and then touches nothing', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s', origin });
    await lab.redis.set(lab.own.limiter, 7, 'PX', 60_000);
    await lab.redis.set(lab.own.pace, 123);
    const before = await everything(lab);
    for (const mode of ['set', 'create'] as const) {
      const again = await lab.apply({ rate: '100/1s', origin }, mode);
      expect(again).toMatchObject({ verdict: 'same', version: 1 });
    }
    expect(await everything(lab)).toEqual(before);
  });

  test('changes it with the next version', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '100/1s' });
    expect(await lab.apply({ rate: '50/1s' })).toMatchObject({ verdict: 'changed', version: 2 });
    expect(await lab.redis.hgetall(lab.keys.queues)).toEqual({ q: '2' });
    expect(await lab.redis.hget(lab.own.policy, 'version')).toBe('2');
  });

  test('that may only create is a conflict if there is another one: nothing is written', async () => {
    await using lab = openLab();
    const first = await lab.apply({ rate: '100/1s' });
    const before = await everything(lab);
    const refused = await lab.apply({ rate: '50/1s' }, 'create');
    expect(refused).toMatchObject({ verdict: 'conflict', version: 1, json: first.json });
    expect(await everything(lab)).toEqual(before);
  });

  test('over a version that is no longer in force is a conflict: of two updates none is lost', async () => {
    await using lab = openLab();
    expect((await lab.apply({ timeout: '1s' }, 0)).verdict).toBe('created');
    expect((await lab.apply({ timeout: '2s' }, 0)).verdict).toBe('conflict');
    expect((await lab.apply({ timeout: '2s' }, 1)).verdict).toBe('changed');
    expect((await lab.apply({ timeout: '3s' }, 1)).verdict).toBe('conflict');
    expect(JSON.parse((await lab.redis.hget(lab.own.policy, 'json'))!)).toMatchObject({ timeout: 2000 });
  });

  test('lets exactly one of many creators create', async () => {
    await using lab = openLab();
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => (await lab.apply({ timeout: n + 1 }, 'create')).verdict),
    );
    expect(verdicts.filter((verdict) => verdict === 'created')).toHaveLength(1);
    expect(verdicts.filter((verdict) => verdict === 'conflict')).toHaveLength(19);
  });

  test('tells the fleet when something changed, and only then', async () => {
    await using lab = openLab();
    const { heard } = await lab.listen('last');
    await lab.apply({ rate: '100/1s' });
    await lab.apply({ rate: '100/1s' });
    await lab.apply({ rate: '50/1s' }, 'create');
    await lab.apply({ rate: '50/1s' });
    await lab.redis.publish(lab.keys.events, 'last');
    expect(await heard).toEqual(
      Array.from({ length: 2 }, () => JSON.stringify({ type: 'policy', queue: 'q' })),
    );
  });

  test('sets and removes the concurrency of the fleet', async () => {
    await using lab = openLab();
    await lab.apply({ concurrency: { global: 7 } });
    expect(await lab.redis.hget(lab.own.meta, 'concurrency')).toBe('7');
    await lab.apply({});
    expect(await lab.redis.hexists(lab.own.meta, 'concurrency')).toBe(0);
  });

  test('without a rate keeps a limit that nobody reaches, so that a hold still works', async () => {
    await using lab = openLab();
    await lab.apply({ origin });
    expect((await lab.gate()).max).toBe(unlimitedMax);
    expect((await lab.gate()).max).toBeLessThan(closedGate);
  });
});

describe('a queue that goes from 1/1h to 100/s', () => {
  const slow = { rate: '1/1h', origin } as const;
  const fast = { rate: '100/1s', origin } as const;

  test('is open at once: neither the old window nor the old pace holds it', async () => {
    await using lab = openLab();
    await lab.apply(slow);
    await lab.redis.set(lab.own.limiter, 1, 'PX', 3_599_000);
    expect((await lab.permit()).verdict).toBe('go');
    expect((await lab.permit()).verdict).toBe('closed');
    const { paceUs } = await lab.apply(fast);
    expect(await lab.limiter()).toEqual({ taken: 0, ttl: -2 });
    const answer = await lab.permit();
    expect(answer.verdict).toBe('go');
    expect(answer.wait).toBeLessThanOrEqual(paceUs);
  });

  test('keeps the hold of its origin, and the gate closed for what is left of it', async () => {
    await using lab = openLab();
    await lab.apply(slow);
    await lab.hold(60_000);
    await lab.redis.set(lab.own.limiter, String(closedGate), 'PX', 3_600_000);
    await lab.apply(fast);
    const { taken, ttl } = await lab.limiter();
    expect(taken).toBe(closedGate);
    expect(ttl).toBeGreaterThan(55_000);
    expect(ttl).toBeLessThanOrEqual(60_000);
    expect((await lab.permit()).verdict).toBe('held');
  });

  test('forgets a hold that is over', async () => {
    await using lab = openLab();
    await lab.apply(slow);
    await lab.redis.zadd(lab.own.holds, Math.floor((await lab.now()) / 1000) - 10, origin);
    await lab.apply(fast);
    expect((await lab.limiter()).taken).toBe(0);
  });
});

describe('the next start after a change is one pace of the new policy after the last start,', () => {
  const rates = ['1/1h', '1/10s', '2/1s', '100/1s', '2000/1s'] as const;
  const pairs = rates.flatMap((from) => rates.filter((to) => to !== from).map((to) => [from, to] as const));

  const due = async (lab: Lab) => Number(await lab.redis.hget(lab.own.schedule, 'due'));

  test.each(pairs)('%s -> %s', async (from, to) => {
    await using lab = openLab();
    await lab.apply({ rate: from });
    expect((await lab.permit()).wait).toBe(0);
    const [start, end] = lab.granted().map(Number) as [number, number];
    const after = await lab.apply({ rate: to });
    expect(await due(lab)).toBe(start + after.paceUs);
    // For 0.1, too; from the time until which the permit may be used.
    expect(Number(await lab.redis.get(lab.own.pace))).toBe(end + after.paceUs);
    expect(await lab.redis.pttl(lab.own.pace)).toBeGreaterThan(0);
  });

  test('also when the rate is removed in between', async () => {
    await using lab = openLab();
    await lab.apply({ rate: '1/10s' });
    await lab.permit();
    const last = Number(lab.granted()[0]);
    await lab.apply({});
    expect((await lab.permit()).wait).toBe(0);
    const again = await lab.apply({ rate: '1/20s' });
    expect(await due(lab)).toBe(last + again.paceUs);
  });

  test('and not before the last one, if rejections had lowered the rate in between', async () => {
    await using lab = openLab();
    await lab.apply({ rate: { limit: 2, per: '1s', burst: 1 } });
    for (let n = 0; n < 5; n++) {
      await lab.hold(0, { refusedAfterMs: 0 });
      await lab.redis.hset(lab.own.flow, 'until', await lab.now());
    }
    // One start is reserved, most of a second ahead.
    await lab.redis.hset(lab.own.schedule, 'due', (await lab.now()) + 900_000);
    const before = await lab.now();
    const { verdict, wait } = await lab.permit();
    expect(verdict).toBe('go');
    expect(wait).toBeGreaterThan(800_000);
    const { paceUs, gate } = await lab.apply({ rate: { limit: 4, per: '1s', burst: 1 } });
    const answer = await lab.permit();
    const waitUs = answer.verdict === 'go' ? answer.wait : answer.wait * 1000;
    expect((await lab.now()) + waitUs).toBeGreaterThanOrEqual(before + wait + paceUs);
    expect(waitUs).toBeLessThanOrEqual(1_001_000 + paceUs);
    expect(await lab.redis.exists(lab.own.flow)).toBe(0);
    expect(await lab.gate()).toEqual(gate);
  });
});
