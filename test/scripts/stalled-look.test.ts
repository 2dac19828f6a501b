import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bindScript } from '../../packages/redis/src/index.ts';
import { stalledLookScript } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

/** A fleet that looks at least every `pauseMs` while Redis is there, and is back within `backMs`. */
function fleetOf(lab: ReturnType<typeof openLab>, pauseMs: number, backMs: number) {
  const look = bindScript(lab.redis, lab.keys, stalledLookScript);
  const key = lab.keys.stalledLook(lab.queue);
  return {
    key,
    look: () => look([lab.queue], { pauseMs, allBackMs: backMs }),
    /** As if nobody had looked for so long. */
    age: async (ms: number) => {
      const last = Number(await lab.redis.hget(key, 'last'));
      await lab.redis.hset(key, 'last', last - ms);
    },
  };
}

test('a fleet that looks without a long pause may judge jobs stalled', async () => {
  await using lab = openLab();
  await lab.apply({});
  const fleet = fleetOf(lab, 60_000, 50);
  await fleet.look();
  await fleet.age(40_000);
  expect(await fleet.look()).toBe(true);
});

test('after a pause that only an outage causes, nobody may until all workers can be back, whoever looks first', async () => {
  await using lab = openLab();
  await lab.apply({});
  const fleet = fleetOf(lab, 1000, 200);
  expect(await fleet.look()).toBe(true);
  await fleet.age(5000);
  const returned = performance.now();
  expect(await fleet.look()).toBe(false);
  expect(await fleet.look()).toBe(false);
  await sleep(210 - (performance.now() - returned));
  expect(await fleet.look()).toBe(true);
});

test('the very first look may, because no worker can have a job; what is noted expires', async () => {
  await using lab = openLab();
  await lab.apply({});
  const fleet = fleetOf(lab, 1000, 10_000);
  expect(await fleet.look()).toBe(true);
  expect(await lab.redis.pttl(fleet.key)).toBeGreaterThan(3_600_000);
  expect(Number(await lab.redis.hget(fleet.key, 'last'))).toBeGreaterThan(1_600_000_000_000);
});

test('nothing is noted for a queue that was removed', async () => {
  await using lab = openLab();
  const fleet = fleetOf(lab, 1000, 10_000);
  await fleet.look();
  expect(await lab.redis.exists(fleet.key)).toBe(0);
});
