import { expect, test } from 'vitest';
import { type Lab, openLab, origin } from './lab.ts';

/** 100 requests may leave at once, and one more every 600 ms. */
const rate = { limit: 100, per: '60s', slack: 30 } as const;

/** How many of these permits start at once. */
async function atOnce(lab: Lab, asked: number): Promise<number> {
  let count = 0;
  for (let n = 0; n < asked; n++) {
    const { verdict, wait } = await lab.permit({ id: `job-${n}` });
    if (verdict === 'go' && wait === 0) count += 1;
  }
  return count;
}

/** As if the queue had been idle for so long, ms. */
async function idleFor(lab: Lab, ms: number): Promise<void> {
  const now = await lab.now();
  await lab.redis.del(lab.own.starts);
  await lab.redis.hset(lab.own.schedule, {
    due: now - ms * 1000,
    last: 0,
    floor: 0,
    logged: 0,
    bank: 0,
    waiting: 0,
    even: 0,
  });
}

test('a new queue sends its burst at once, and not one more than its limit', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  expect(await atOnce(lab, 101)).toBe(100);
});

test('idle time earns one start per pace, up to the burst', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await idleFor(lab, 12_100);
  // The one that is due, and twenty that were earned.
  expect(await atOnce(lab, 30)).toBe(21);
  await lab.apply({ rate: { ...rate, burst: 5 } });
  await idleFor(lab, 3_600_000);
  expect(await atOnce(lab, 30)).toBe(5);
});

test('a start of a burst may be used for 50 ms longer than others, which the window pays for', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { ...rate, burst: 2 } });
  const usable: number[] = [];
  for (let n = 0; n < 3; n++) {
    expect((await lab.permit({ id: `job-${n}` })).verdict).toBe('go');
    const [start, end] = lab.granted().map(Number) as [number, number];
    usable.push(end - start);
  }
  expect(usable).toEqual([50_000, 50_000, 0]);
});

test('after a burst the gate stays shut until shortly before the window has room again', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  const asked = performance.now();
  expect(await atOnce(lab, 100)).toBe(100);
  const { ttl } = await lab.limiter();
  expect(ttl).toBeGreaterThan(59_900 - (performance.now() - asked));
  expect(ttl).toBeLessThanOrEqual(60_030 + 50 - 100);
});

test('a burst of one is an even pace', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { ...rate, burst: 1 } });
  await idleFor(lab, 3_600_000);
  expect(await atOnce(lab, 10)).toBe(1);
});

test('while jobs wait, nothing is earned', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await idleFor(lab, 12_100);
  await lab.redis.hset(lab.own.schedule, 'waiting', 1);
  expect(await atOnce(lab, 10)).toBe(1);
});

test('nor by a job that waited long: nobody served the queue', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await idleFor(lab, 12_100);
  await lab.permit({ waitedMs: 6000 });
  expect(await atOnce(lab, 10)).toBe(0);
});

test('what is earned stays when more jobs come, and is spent once', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await idleFor(lab, 6100);
  expect(await atOnce(lab, 4)).toBe(4);
  await lab.redis.rpush(lab.bull.wait, 'other');
  expect(await atOnce(lab, 20)).toBe(7);
});

test('what is not used, or exchanged, is saved up again', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { ...rate, burst: 3 } });
  expect(await atOnce(lab, 3)).toBe(3);
  const third = lab.granted();
  expect(await atOnce(lab, 1)).toBe(0);
  const later = lab.granted();
  expect(await lab.unused(third)).toBe(true);
  // Not before what was granted since.
  await lab.permit({ id: 'fourth' });
  expect(lab.granted()[0]).toBe(later[0]);
});

test('a pause that ends leaves nothing of what was earned', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await lab.startEvenly();
  expect(await atOnce(lab, 10)).toBe(1);
});

test('so does a hold, and its time earns nothing', async () => {
  await using lab = openLab();
  await lab.apply({ rate, origin });
  await lab.hold(30_000);
  await lab.redis.del(lab.own.holds, lab.own.limiter);
  const held = Number(await lab.redis.hget(lab.own.schedule, 'even')) - (await lab.now());
  expect(held).toBeGreaterThan(29_000_000);
  await lab.redis.hset(lab.own.schedule, 'due', (await lab.now()) - 20_000_000);
  expect(await atOnce(lab, 10)).toBe(1);
});

test('and so does a change of the policy', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await lab.permit();
  await lab.apply({ rate: { ...rate, limit: 200 } });
  expect(await atOnce(lab, 10)).toBe(0);
});

test('a queue whose starts are not known goes at an even pace for a window', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await lab.redis.del(lab.own.schedule);
  expect(await atOnce(lab, 10)).toBe(1);
  const past = (await lab.now()) - 20_000_000;
  await lab.redis.hset(lab.own.schedule, { due: past, last: past, floor: past });
  expect(await atOnce(lab, 10)).toBe(1);
});

test('the gate lets the burst be taken while the queue is empty, and no more than its window while jobs wait', async () => {
  await using lab = openLab();
  await lab.apply({ rate });
  await lab.permit();
  expect((await lab.gate()).max).toBe(100);
  await lab.redis.rpush(lab.bull.wait, 'other');
  await atOnce(lab, 100);
  expect((await lab.gate()).max).toBe(1);
});

test('a policy of 0.1 has an even pace, and its window, from its JSON', async () => {
  await using lab = openLab();
  await lab.apply({ rate: { ...rate, burst: 1 } });
  const json = JSON.parse((await lab.redis.hget(lab.own.policy, 'json'))!) as {
    rate: Record<string, unknown>;
  };
  const { burst: _, ...older } = json.rate;
  const written = { ...json, rate: { ...older, limit: 10, per: 1000 } };
  // 0.1 writes these, and leaves the others as they are.
  await lab.redis.hset(lab.own.policy, { json: JSON.stringify(written), version: 2, paceUs: 103_000 });
  await lab.permit();
  expect(await lab.redis.hmget(lab.own.policy, 'limit', 'spanUs', 'burst', 'paced')).toEqual([
    '10',
    '1030000',
    '1',
    '2',
  ]);
});
