import { expect, test } from 'vitest';
import { bindScript } from '../../packages/redis/src/index.ts';
import { dutyBeatMs, dutyMs, dutyScript, leaveDutyScript } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

function dutyOf(lab: ReturnType<typeof openLab>) {
  const ask = bindScript(lab.redis, lab.keys, dutyScript);
  const leave = bindScript(lab.redis, lab.keys, leaveDutyScript);
  return {
    ask: (worker: string) => ask([], { worker, pauseMs: 30_000, allBackMs: 4000 }),
    leave: (worker: string) => leave([], { worker }),
    holder: () => lab.redis.hget(lab.keys.sweeper, 'worker'),
    /** When it lapses, from now on, ms of Redis' clock. */
    left: async () => {
      const [seconds, micros] = await lab.redis.time();
      const until = Number(await lab.redis.hget(lab.keys.sweeper, 'until'));
      return until - (Number(seconds) * 1000 + Number(micros) / 1000);
    },
    lapse: (ms: number) => lab.redis.hincrby(lab.keys.sweeper, 'until', ms),
  };
}

test('one worker has the duty, and keeps it by asking; the others have it not', async () => {
  await using lab = openLab();
  const duty = dutyOf(lab);
  expect(await duty.ask('a')).toBe(true);
  expect(await duty.ask('b')).toBe(false);
  await duty.lapse(-1000);
  expect(await duty.ask('a')).toBe(true);
  const left = await duty.left();
  expect(left).toBeLessThanOrEqual(dutyMs);
  expect(left).toBeGreaterThan(dutyMs - 1000);
  expect(await duty.holder()).toBe('a');
});

test('of one that does not ask any more it passes to whoever asks first, within 3 s of its death', async () => {
  await using lab = openLab();
  const duty = dutyOf(lab);
  await duty.ask('a');
  await duty.lapse(-dutyMs);
  expect(await duty.ask('b')).toBe(true);
  expect(await duty.ask('a')).toBe(false);
  // It lapses, another asks, and its chores look whether it has the duty.
  expect(dutyMs + 2 * dutyBeatMs).toBeLessThan(3000);
});

test('one that leaves gives it away at once, and only its own', async () => {
  await using lab = openLab();
  const duty = dutyOf(lab);
  await lab.redis.zadd(lab.keys.workers, 1, 'a', 1, 'b', 1, 'c');
  await duty.ask('a');
  await duty.leave('b');
  expect(await duty.holder()).toBe('a');
  await duty.leave('a');
  expect(await lab.redis.exists(lab.keys.sweeper)).toBe(1);
  expect(await duty.ask('b')).toBe(true);
});

test('the last worker of a fleet leaves nothing behind', async () => {
  await using lab = openLab();
  const duty = dutyOf(lab);
  await lab.redis.zadd(lab.keys.workers, 1, 'a');
  await duty.ask('a');
  await duty.leave('a');
  expect(await lab.redis.exists(lab.keys.sweeper)).toBe(0);
});

test("it does not outlive its holder by an hour when Redis' clock was set back by one", async () => {
  await using lab = openLab();
  const duty = dutyOf(lab);
  await duty.ask('a');
  await duty.lapse(3_600_000);
  expect(await duty.ask('b')).toBe(true);
});
