import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bindScript } from '../../packages/redis/src/index.ts';
import { dutyScript, stalledLookScript } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

/** A fleet that is seen at least every `pauseMs` while Redis is there, and is back within `backMs`. */
async function fleetOf(lab: ReturnType<typeof openLab>, pauseMs: number, backMs: number) {
  const judging = { pauseMs, allBackMs: backMs };
  const look = bindScript(lab.redis, lab.keys, stalledLookScript);
  const ask = bindScript(lab.redis, lab.keys, dutyScript);
  const key = lab.keys.sweeper;
  // A worker has a job.
  await lab.redis.lpush(lab.bull.active, 'job');
  return {
    key,
    /** Whether jobs may be judged. */
    look: async () => (await look([[lab.queue]], judging)).length === 1,
    ask: () => ask([], { worker: 'a', ...judging }),
    /** As if nobody had been seen for so long. */
    age: async (ms: number) => {
      const last = Number(await lab.redis.hget(key, 'last'));
      await lab.redis.hset(key, 'last', last - ms);
    },
  };
}

test('a fleet that is seen without a long pause may judge jobs stalled', async () => {
  await using lab = openLab();
  const fleet = await fleetOf(lab, 60_000, 50);
  await fleet.look();
  await fleet.age(40_000);
  expect(await fleet.look()).toBe(true);
});

test.each(['look', 'ask'] as const)(
  'after a pause that only an outage causes, nobody may until all workers can be back, whoever comes first (%s)',
  async (first) => {
    await using lab = openLab();
    const fleet = await fleetOf(lab, 60_000, 200);
    expect(await fleet.look()).toBe(true);
    await fleet.age(100_000);
    const returned = performance.now();
    await fleet[first]();
    expect(await fleet.look()).toBe(false);
    await sleep(210 - (performance.now() - returned));
    expect(await fleet.look()).toBe(true);
  },
);

test('whoever asks for the duty is a sign of life: no look has to come in time', async () => {
  await using lab = openLab();
  const fleet = await fleetOf(lab, 60_000, 10_000);
  await fleet.look();
  for (let n = 0; n < 3; n++) {
    await fleet.age(40_000);
    await fleet.ask();
  }
  expect(await fleet.look()).toBe(true);
});

test("the end of the wait is never far off, even when Redis' clock was set back", async () => {
  await using lab = openLab();
  const fleet = await fleetOf(lab, 60_000, 50);
  await fleet.look();
  await lab.redis.hset(fleet.key, 'notBefore', Date.now() + 3_600_000);
  expect(await fleet.look()).toBe(false);
  await sleep(60);
  expect(await fleet.look()).toBe(true);
});

test('the very first look may, because no worker can have a job; what is noted expires', async () => {
  await using lab = openLab();
  const fleet = await fleetOf(lab, 60_000, 10_000);
  expect(await fleet.look()).toBe(true);
  expect(await lab.redis.pttl(fleet.key)).toBeGreaterThan(3_600_000);
  expect(Number(await lab.redis.hget(fleet.key, 'last'))).toBeGreaterThan(1_600_000_000_000);
});

test('a look names the queues that have jobs in hand, or had; one that cannot be read hides no other', async () => {
  await using lab = openLab();
  const look = bindScript(lab.redis, lab.keys, stalledLookScript);
  const names = ['idle', 'runs', 'had', 'broken', 'idle-too'];
  await lab.redis.lpush(lab.keys.bull('runs').active, 'job');
  await lab.redis.sadd(lab.keys.bull('had').stalled, 'job');
  await lab.redis.hset(lab.keys.bull('broken').active, 'a', 'b');
  expect(await look([names], { pauseMs: 1000, allBackMs: 0 })).toEqual([1, 2, 3]);
});

test('a look wakes a worker for jobs that wait where nobody works and nobody was told', async () => {
  await using lab = openLab();
  const look = bindScript(lab.redis, lab.keys, stalledLookScript);
  const names = ['lost', 'told', 'busy', 'paused', 'broken', 'empty'];
  for (const name of ['lost', 'told', 'busy', 'paused'])
    await lab.redis.lpush(lab.keys.bull(name).wait, 'job');
  await lab.redis.zadd(lab.keys.bull('told').marker, 7, '1');
  await lab.redis.lpush(lab.keys.bull('busy').active, 'other');
  await lab.redis.hset(lab.keys.bull('paused').meta, 'paused', 1);
  await lab.redis.hset(lab.keys.bull('broken').wait, 'a', 'b');
  await look([names], { pauseMs: 1000, allBackMs: 0 });
  const markers = await Promise.all(
    names.map((name) => lab.redis.zrange(lab.keys.bull(name).marker, 0, '-1', 'WITHSCORES')),
  );
  expect(markers).toEqual([['0', '0'], ['1', '7'], [], [], [], []]);
});
