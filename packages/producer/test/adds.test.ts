import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { type BullScripts, bullScripts } from '../../redis/src/index.ts';
import { keysOf, normalSpecSchema } from '../../shared/src/index.ts';
import { Rig, loopback, until } from '../../worker/test/rig.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { connectWith } from '../src/connect.ts';
import { Adds } from '../src/enqueue/adds.ts';
import { toJob } from '../src/enqueue/to-job.ts';

const bull = bullScripts(import.meta.url);

const calls = async (redis: Redis, command: string) =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0);

/** A queue without workers, and what a client adds its jobs with. */
class Lab implements AsyncDisposable {
  readonly redis: Redis;
  readonly keys = keysOf(`{t-${randomUUID()}}`);
  readonly queues = new Map<string, Queue>();
  readonly adds: Adds;

  constructor(url: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
    this.adds = Adds.open(this.redis, this.keys, bull)!;
  }

  queue(name: string): Queue {
    let queue = this.queues.get(name);
    const prefix = this.keys.queues.split('/')[0]!;
    if (queue === undefined) {
      queue = new Queue(name, { connection: this.redis, prefix, skipMetasUpdate: true });
      this.queues.set(name, queue);
    }
    return queue;
  }

  async add(id: string, spec: { deadline?: number; delay?: number; priority?: number } = {}, name = 'q') {
    const normal = normalSpecSchema.parse({ url: 'http://127.0.0.1/', ...spec });
    const job = toJob(normal, { id, now: Date.now(), replyTo: 'p+' });
    return await this.adds.add({ queue: this.queue(name), name }, job, normal.deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.queues.values()) await queue.close();
    const prefix = this.keys.queues.split('/')[0]!;
    for (const key of await this.redis.keys(`${prefix}*`)) await this.redis.unlink(key);
    this.redis.disconnect();
  }
}

test.skipIf(installedServer() === undefined)(
  'the adds of one turn are one script call with their deadlines: 32 jobs of two queues are one, 33 are two',
  async () => {
    await using server = await startOwnRedis();
    await using lab = new Lab(server.url);
    await lab.add('first');
    const soon = Date.now() + 60_000;
    for (const [jobs, expected] of [
      [32, 1],
      [33, 2],
    ] as const) {
      const before = [await calls(lab.redis, 'evalsha'), await calls(lab.redis, 'eval')];
      const added = Array.from({ length: jobs }, async (_, n) =>
        n % 2 === 0
          ? await lab.add(`${jobs}-${n}`, { deadline: soon + n })
          : await lab.add(`${jobs}-${n}`, {}, 'r'),
      );
      expect(new Set(await Promise.all(added))).toEqual(new Set(['added']));
      const after = [await calls(lab.redis, 'evalsha'), await calls(lab.redis, 'eval')];
      expect(after[0]! - before[0]!).toBe(expected);
      expect(after[1]).toBe(before[1]);
    }
    expect(await lab.queue('q').getJobCountByTypes('wait')).toBe(1 + 16 + 17);
    expect(await lab.queue('r').getJobCountByTypes('wait')).toBe(32);
    expect(await lab.redis.zcard(lab.keys.deadlines('q'))).toBe(33);
    expect(await lab.redis.zrange(lab.keys.due, 0, '-1', 'WITHSCORES')).toEqual(['q', String(soon)]);
    // In the order in which they were asked for.
    const waiting = await lab.redis.lrange(lab.keys.bull('r').wait, 0, -1);
    expect(waiting.slice(-3)).toEqual(['32-5', '32-3', '32-1']);
  },
);

test('a job that is added together with others is what BullMQ alone would have made of it', async () => {
  await using lab = new Lab(inject('redisUrl'));
  await lab.add('together');
  const spec = normalSpecSchema.parse({ url: 'http://127.0.0.1/' });
  const job = toJob(spec, { id: 'alone', now: Date.now(), replyTo: 'p+' });
  await lab.queue('q').add(job.name, job.data, job.opts);
  const stored = async (id: string) => {
    const { timestamp, data, ...rest } = await lab.redis.hgetall(lab.keys.bull('q').job(id));
    expect(Number(timestamp)).toBeGreaterThan(0);
    const { at: _, ...envelope } = JSON.parse(data!) as { at: number };
    return JSON.parse(JSON.stringify({ ...rest, envelope }).replaceAll(id, 'ID')) as unknown;
  };
  expect(await stored('together')).toEqual(await stored('alone'));
  const events = await lab.redis.xrange(lab.keys.bull('q').eventStream, '-', '+');
  const of = (id: string) =>
    events
      .map(([, fields]) => fields)
      .filter((fields) => fields.includes(id))
      .map((fields) => fields.join().replace(id, 'ID'));
  expect(of('together')).toEqual(of('alone'));
});

test('delayed jobs and those with a priority are left to BullMQ', async () => {
  await using lab = new Lab(inject('redisUrl'));
  expect(await lab.add('later', { delay: 60_000 })).toBeNull();
  expect(await lab.add('less', { priority: 1 })).toBeNull();
  expect(await lab.add('zero', { priority: 0 })).toBe('added');
  expect(await lab.queue('q').getJobCountByTypes('wait', 'delayed', 'prioritized')).toBe(1);
});

test('an add that is sent again adds nothing twice: while its job waits, is with a worker, or has ended', async () => {
  await using rig = await Rig.open({ idle: true });
  const adds = Adds.open(rig.redis, rig.keys, bull)!;
  const spec = normalSpecSchema.parse({ url: rig.url('/delay/300'), deadline: Date.now() + 60_000 });
  const replyTo = 'gone+';
  const job = toJob(spec, { id: randomUUID(), now: Date.now(), replyTo });
  const add = async () => await adds.add({ queue: rig.bull, name: rig.queue }, job, spec.deadline);
  expect(await Promise.all([add(), add()])).toEqual(['added', 'known']);
  expect(await add()).toBe('known');
  expect(await rig.bull.getJobCountByTypes('wait')).toBe(1);
  await rig.startPool();
  await rig.arrived(1);
  expect(await add()).toBe('known');
  // Nobody reads the reply, so the marker that the job has ended stays.
  const id = job.opts.jobId!;
  await until(async () => (await rig.redis.exists(rig.keys.bull(rig.queue).job(id))) === 0);
  expect(await rig.redis.exists(rig.keys.outcome(rig.queue, id))).toBe(1);
  expect(await add()).toBe('known');
  expect(await rig.bull.getJobCountByTypes('wait', 'active', 'delayed', 'failed')).toBe(0);
  expect(await rig.redis.zcard(rig.keys.deadlines(rig.queue))).toBe(0);
  expect(await rig.upstream.arrivals()).toHaveLength(1);
  await rig.redis.unlink(rig.keys.replies(replyTo));
});

test('a job that Redis does not accept is told so, leaves nothing, and costs the others of its turn nothing', async () => {
  await using lab = new Lab(inject('redisUrl'));
  const broken = lab.keys.bull('broken');
  const deadline = Date.now() + 60_000;
  // The last key that BullMQ's script writes: the job has been pushed by then.
  await lab.redis.set(broken.marker, 'no sorted set');
  await lab.redis.set(lab.keys.deadlines('undated'), 'no sorted set');
  const results = await Promise.allSettled([
    lab.add('a', { deadline }),
    lab.add('b', { deadline }, 'broken'),
    lab.add('c', { deadline }, 'undated'),
    lab.add('d', {}, 'undated'),
    lab.add('e', { deadline: deadline - 1 }),
  ]);
  const told = results.map((result) =>
    result.status === 'fulfilled' ? result.value : (result.reason as Error).message.split(' ')[0],
  );
  expect(told).toEqual(['added', 'WRONGTYPE', 'WRONGTYPE', 'added', 'added']);
  expect(await lab.redis.exists(broken.job('b'), broken.wait, lab.keys.deadlines('broken'))).toBe(0);
  expect(await lab.redis.lrange(lab.keys.bull('q').wait, 0, -1)).toEqual(['e', 'a']);
  expect(await lab.redis.zscore(lab.keys.due, 'q')).toBe(String(deadline - 1));
});

test.skipIf(installedServer() === undefined)(
  'a Redis that is full refuses every job of a turn, and nothing is written',
  async () => {
    await using server = await startOwnRedis();
    await using lab = new Lab(server.url);
    await lab.add('before');
    const keys = async () => (await lab.redis.keys('*')).sort();
    const before = await keys();
    await lab.redis.config('SET', 'maxmemory', '1mb');
    const deadline = Date.now() + 60_000;
    // Some with deadlines, some without, in either order.
    for (const some of [
      [{}, { deadline }, {}],
      [{ deadline }, {}, {}],
    ]) {
      const tried = await Promise.allSettled(some.map(async (spec, n) => await lab.add(`full-${n}`, spec)));
      for (const one of tried)
        expect(one).toMatchObject({ reason: { message: expect.stringMatching(/^OOM /) as string } });
    }
    expect(await keys()).toEqual(before);
    await lab.redis.config('SET', 'maxmemory', '0');
    expect(await lab.add('after')).toBe('added');
  },
);

/** BullMQ as a later version may ship it: a text has changed. */
function unknownVersion(): BullScripts {
  const { scripts } = bull;
  const { addStandardJob } = scripts;
  const changed = { ...addStandardJob, content: `${addStandardJob!.content}\n-- changed` };
  return { version: '6.99.0', scripts: { ...scripts, addStandardJob: changed } };
}

test('with an unknown version of BullMQ each job is added by itself, and one line says so', async () => {
  await using rig = await Rig.open();
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const options = {
    redis: inject('redisUrl'),
    prefix: rig.prefix,
    queue: rig.queue,
    policy: { egress: loopback },
    logger: { info: tell, warn: tell },
  };
  await using sluice = await connectWith(options, unknownVersion());
  const responses = await Promise.all([1, 2].map(async (n) => await sluice.fetch(rig.url(`/item/${n}`))));
  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
  expect(told).toEqual([expect.stringContaining('6.99.0')]);
  await using known = await connectWith(options, bull);
  await known.fetch(rig.url('/item/3'));
  expect(told).toHaveLength(1);
});
