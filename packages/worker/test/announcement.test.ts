import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { announceScript, decodeWorkerRecord, encodeWorkerRecord, serves, workerTtlMs } from '@sluice/shared';
import { bindScript } from '@sluice/redis';
import { startWorker } from '../src/index.ts';
import { Rig, until } from './rig.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

test('a worker is listed when it has started, and no longer when it has stopped', async () => {
  await using rig = await Rig.open({ idle: true });
  expect(await rig.sluice.workers()).toEqual([]);
  await rig.sluice.policies.set('other', {});
  const place = { redis: inject('redisUrl'), prefix: rig.prefix };
  const before = Date.now();
  const one = await startWorker({ ...place, queues: ['q', 'other'] });
  const two = await startWorker(place);
  const [first, second, ...more] = await rig.sluice.workers();
  expect(more).toEqual([]);
  expect(first).toMatchObject({
    id: one.id,
    pid: process.pid,
    version,
    queues: ['q', 'other'],
    honours: [],
  });
  expect(first!.since).toBeGreaterThan(before - 2000);
  expect(second).toMatchObject({ id: two.id, queues: '*' });
  expect(serves(first!, 'q') && serves(second!, 'q') && !serves(first!, 'x')).toBe(true);
  await one.close();
  expect((await rig.sluice.workers()).map(({ id }) => id)).toEqual([two.id]);
  await two.close();
  expect(await rig.redis.keys(`${rig.keys.worker('')}*`)).toEqual([]);
  expect(await rig.redis.exists(rig.keys.workers)).toBe(0);
});

test('it announces itself again and again, in one call for all of its queues', async () => {
  await using rig = await Rig.open({ idle: true });
  for (let n = 0; n < 5; n++) await rig.sluice.policies.set(`more-${n}`, {});
  await using worker = await startWorker({ redis: inject('redisUrl'), prefix: rig.prefix });
  const score = async () => Number(await rig.redis.zscore(rig.keys.workers, worker.id));
  const first = await score();
  // As if Redis had lost it.
  await rig.redis.unlink(rig.keys.worker(worker.id));
  await until(async () => (await score()) > first);
  expect((await rig.sluice.workers()).map(({ id }) => id)).toEqual([worker.id]);
  expect(await rig.redis.zcard(rig.keys.workers)).toBe(1);
  expect(await rig.redis.pttl(rig.keys.worker(worker.id))).toBeGreaterThan(workerTtlMs - 5000);
});

test('one that died is dropped: its record expires, and the next that speaks trims the list', async () => {
  await using rig = await Rig.open({ idle: true });
  const announce = bindScript(rig.redis, rig.keys, announceScript);
  const record = (id: string) =>
    encodeWorkerRecord({ id, pid: 1, version: '0.1.0', queues: '*', honours: [], since: 1 });
  await announce(['dead'], { id: 'dead', json: record('dead') });
  await announce(['quiet'], { id: 'quiet', json: record('quiet') });
  expect(await rig.redis.pttl(rig.keys.worker('dead'))).toBeLessThanOrEqual(workerTtlMs);
  expect(await rig.redis.pttl(rig.keys.workers)).toBeLessThanOrEqual(workerTtlMs);
  await rig.redis.unlink(rig.keys.worker('dead'));
  expect((await rig.sluice.workers()).map(({ id }) => id)).toEqual(['quiet']);
  await rig.redis.zadd(rig.keys.workers, 1, 'dead');
  await announce(['quiet'], { id: 'quiet', json: record('quiet') });
  expect(await rig.redis.zrange(rig.keys.workers, 0, '-1')).toEqual(['quiet']);
});

test('what a newer version says is read; what is no record is skipped', () => {
  const record = { id: 'a', pid: 1, version: '9.0.0', queues: ['q'], since: 1 };
  expect(decodeWorkerRecord(JSON.stringify({ ...record, more: { x: 1 } }))).toEqual({
    ...record,
    honours: [],
  });
  for (const text of ['', '[]', '{"id":"a"}', 'null', JSON.stringify({ ...record, queues: 5 })])
    expect(decodeWorkerRecord(text)).toBeNull();
});
