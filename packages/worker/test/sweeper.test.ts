import { Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { connect } from '../../producer/src/index.ts';
import { type EmbeddedWorker, startWorker } from '../src/index.ts';
import { Overlooked } from '../src/maintenance/overlooked.ts';
import { Rig, nextTurn, until } from './rig.ts';

/** A job in a paused queue, whose deadline passed: nothing but a sweep ends it. */
async function addOverdue(
  rig: Rig,
  id: string,
  queue = rig.queue,
  batch?: { name: string; index: number },
): Promise<void> {
  const req = { url: rig.url('/'), method: 'GET', headers: {} };
  const bull = rig.keys.bull(queue);
  await rig.redis.hset(
    bull.job(id),
    'data',
    JSON.stringify({ v: 1, req, at: 1, deadline: 1, batch }),
    'opts',
    '{}',
  );
  await rig.redis.lpush(bull.wait, id);
  await rig.redis.zadd(rig.keys.deadlines(queue), 1, id);
}

async function addDue(rig: Rig, id: string, queue = rig.queue): Promise<void> {
  await addOverdue(rig, id, queue);
  await rig.redis.zadd(rig.keys.due, 1, queue);
}

async function ended(rig: Rig, id: string, queue = rig.queue): Promise<void> {
  await until(async () => (await rig.redis.zscore(rig.keys.bull(queue).failed, id)) !== null);
}

const holder = (rig: Rig) => rig.redis.hget(rig.keys.sweeper, 'worker');

async function startHere(rig: Rig, queues: '*' | string[] = '*'): Promise<EmbeddedWorker> {
  return await startWorker({ redis: inject('redisUrl'), prefix: rig.prefix, queues });
}

describe('the sweeper', () => {
  test('is one of the workers; when it stops another sweeps on, also queues that it does not serve', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('other', {});
    for (const queue of ['q', 'other']) await rig.sluice.queues.pause(queue);
    await using first = await startHere(rig);
    await until(async () => (await holder(rig)) === first.id);
    await using second = await startHere(rig, ['q']);
    await addDue(rig, 'one', 'other');
    await ended(rig, 'one', 'other');
    expect(await holder(rig)).toBe(first.id);
    await first.close();
    // Given away, not lapsed.
    expect(await holder(rig)).not.toBe(first.id);
    await addDue(rig, 'two', 'other');
    await ended(rig, 'two', 'other');
    expect(await holder(rig)).toBe(second.id);
    await until(async () => (await rig.redis.exists(rig.keys.due)) === 0);
  });

  test('that has lost the duty and does not know sweeps beside the new one: each job ends once', async () => {
    await using rig = await Rig.open({ idle: true });
    const jobs = 300;
    await rig.sluice.queues.pause(rig.queue);
    for (let n = 0; n < jobs; n++) await addOverdue(rig, `job-${n}`, rig.queue, { name: 'all', index: n });
    await using first = await startHere(rig);
    await using second = await startHere(rig);
    const { failed, wait } = rig.keys.bull(rig.queue);
    await rig.redis.zadd(rig.keys.due, 1, rig.queue);
    // The duty changes hands again and again, in the middle of sweeps.
    for (let n = 0; (await rig.redis.zcard(failed)) < jobs; n++) {
      const { id } = n % 2 === 0 ? first : second;
      await rig.redis.hset(rig.keys.sweeper, 'worker', id, 'until', Date.now() + 1000);
      await nextTurn();
    }
    expect(await rig.redis.llen(wait)).toBe(0);
    // Every end of a job is an entry here.
    expect(await rig.redis.xlen(rig.keys.batch('all'))).toBe(jobs);
    expect(await rig.seen()).toEqual([]);
  });

  test('goes on with the other queues when a key of one is not what it should be', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('broken', {});
    await rig.sluice.queues.pause(rig.queue);
    await rig.redis.rpush(rig.keys.deadlines('broken'), 'x');
    await rig.redis.zadd(rig.keys.due, 0, 'broken');
    await using _worker = await startHere(rig);
    await addDue(rig, 'job');
    await ended(rig, 'job');
    // The broken one is not tried again and again.
    await until(async () => (await rig.redis.exists(rig.keys.due)) === 0);
  });

  test('a job that a worker has does not keep those behind it waiting, however many there are', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.queues.pause(rig.queue);
    const { lock } = rig.keys.bull(rig.queue);
    const held = Array.from({ length: 150 }, (_, n) => `held-${n}`);
    for (const id of held) {
      await addOverdue(rig, id);
      await rig.redis.set(lock(id), 'a worker', 'PX', 60_000);
    }
    await addOverdue(rig, 'zz-behind');
    await rig.redis.zadd(rig.keys.due, 1, rig.queue);
    await using _worker = await startHere(rig);
    await ended(rig, 'zz-behind');
    expect(await rig.redis.zcard(rig.keys.deadlines(rig.queue))).toBe(held.length);
    expect(await rig.redis.zcard(rig.keys.bull(rig.queue).failed)).toBe(1);
  });
});

describe('producers that note deadlines for their queue alone', () => {
  test('have theirs ended when a worker takes the duty, at the latest', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.queues.pause(rig.queue);
    await addOverdue(rig, 'older');
    await using _worker = await startHere(rig);
    await ended(rig, 'older');
  });

  test('are looked for more often while there are some', async () => {
    await using rig = await Rig.open({ idle: true });
    const overlooked = new Overlooked(rig);
    await overlooked.run(() => true);
    expect(overlooked.everyMs).toBe(60_000);
    await addOverdue(rig, 'older');
    await overlooked.run(() => true);
    expect(overlooked.everyMs).toBe(10_000);
    expect(await rig.redis.zscore(rig.keys.due, rig.queue)).toBe('1');
  });
});

/** The commands a second that a worker sends while its queues are idle. */
async function commandRate(queues: number): Promise<number> {
  await using server = await startOwnRedis();
  const redis = new Redis(server.url);
  await using client = await connect({ redis: server.url });
  for (let n = 0; n < queues; n++) await client.policies.set(`q-${n}`, {});
  const worker = await startWorker({ redis: server.url });
  await until(async () => (await redis.hget('{sluice}/sweeper', 'worker')) === worker.id);
  const monitor = await redis.monitor();
  const since = performance.now();
  let count = 0;
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua' && !isBlockingRead(args)) count += 1;
  });
  await until(() => performance.now() - since > 3500);
  const rate = (count * 1000) / (performance.now() - since);
  monitor.disconnect();
  redis.disconnect();
  await worker.close();
  return rate;
}

/** BullMQ's own wait for a job, and its look when the wait ends. */
function isBlockingRead([command, , , firstKey = '']: string[]): boolean {
  return /^bzpopmin$/i.test(command!) || (/^evalsha$/i.test(command!) && firstKey.endsWith(':wait'));
}

test.skipIf(!installedServer())(
  'a worker asks no more of Redis when it has more idle queues',
  { timeout: 60_000 },
  async () => {
    const few = await commandRate(2);
    const many = await commandRate(60);
    // Its beat, and more than nothing.
    expect(few).toBeGreaterThan(1);
    expect(many).toBeLessThan(1.5 * few + 3);
  },
);
