import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { keysOf } from '@sluice/shared';
import { Rig, loopback } from '../../worker/test/rig.ts';
import { OpenQueues } from '../src/connection/open-queues.ts';

test('asking for jobs of queues that are not there leaves nothing in Redis', async () => {
  await using rig = await Rig.open({ idle: true });
  const before = await rig.redis.keys(`${rig.prefix}*`);
  for (let n = 0; n < 20; n++) {
    expect(await rig.sluice.job('x', { queue: `nowhere-${n}` }).status()).toBe('unknown');
    expect(await rig.sluice.job('x', { queue: `nowhere-${n}` }).cancel()).toBe('unknown');
  }
  expect((await rig.redis.keys(`${rig.prefix}*`)).sort()).toEqual(before.sort());
});

test('a client keeps a bounded number of queues open, however many it uses, and all their jobs are added', async () => {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  const prefix = `{t-${randomUUID()}}`;
  const queues = new OpenQueues(redis, prefix);
  const atFirst = redis.listenerCount('error');
  // At once: most are closed while their add is under way.
  const adds = Array.from({ length: 500 }, (_, n) => queues.get(`q${n}`).add('fetch', {}, { jobId: 'job' }));
  await Promise.all(adds);
  const jobs = Array.from({ length: 500 }, (_, n) => keysOf(prefix).bull(`q${n}`).job('job'));
  expect(await redis.exists(...jobs)).toBe(500);
  expect(redis.listenerCount('error') - atFirst).toBeLessThanOrEqual(100);
  // A queue that was closed is opened again.
  expect(await queues.get('q0').getJobState('job')).toBe('waiting');
  await queues.close();
  expect(redis.listenerCount('error')).toBe(atFirst);
  await redis.unlink(...(await redis.keys(`${prefix}*`)));
  redis.disconnect();
});

test('a queue with a policy keeps the last hundred or so of BullMQ’s events, also when it was removed before', async () => {
  await using rig = await Rig.open();
  const queue = 'eventful';
  const eventsLeft = async () => {
    await rig.sluice.policies.set(queue, { egress: loopback });
    const urls = Array.from({ length: 300 }, (_, n) => rig.url(`/item/${n}`));
    for await (const _ of rig.sluice.stream(urls, { queue }));
    return await rig.redis.xlen(rig.keys.bull(queue).eventStream);
  };
  // Each job makes four.
  expect(await eventsLeft()).toBeLessThan(300);
  await rig.sluice.queues.remove(queue);
  expect(await eventsLeft()).toBeLessThan(300);
});
