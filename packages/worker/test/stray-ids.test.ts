import { describe, expect, test } from 'vitest';
import { Rig, until } from './rig.ts';

/** The names of the keys that BullMQ keeps for a queue, and for each job beside its hash. */
const ofQueue = [
  'active',
  'completed',
  'de',
  'delayed',
  'events',
  'failed',
  'id',
  'limiter',
  'marker',
  'meta',
  'metrics:completed',
  'metrics:completed:data',
  'paused',
  'pc',
  'prioritized',
  'repeat',
  'repeat:nightly',
  'stalled',
  'stalled-check',
  'wait',
  'waiting-children',
  '',
];
const ofJob = ['good-1:lock', 'good-1:logs', 'de:x'];

const nowhere = async ({ redis, keys, queue }: Rig, id: string) => {
  const { wait, active, delayed, prioritized } = keys.bull(queue);
  const looks = [
    redis.lpos(wait, id),
    redis.lpos(active, id),
    redis.zscore(delayed, id),
    redis.zscore(prioritized, id),
  ];
  // While BullMQ has it, one of these may be of another type.
  const places = await Promise.allSettled(looks);
  return places.every((place) => place.status === 'fulfilled' && place.value === null);
};

/** A job of each kind, a schedule, and stray ids among them. Then all are performed, and nothing of the queue has changed. */
async function performedAround(ids: string[], push: 'lpush' | 'rpush'): Promise<void> {
  await using rig = await Rig.open({ idle: true, policy: { rate: '1000/s', concurrency: { global: 10 } } });
  const { redis, keys, queue } = rig;
  const bull = keys.bull(queue);
  await rig.sluice.schedules.upsert('nightly', { cron: '0 3 * * *' }, rig.url('/json'));
  const specs = [{ id: 'good-1' }, { id: 'good-2' }, { priority: 5 }, { delayMs: 100 }];
  const handles = await Promise.all(
    specs.map((spec) => rig.sluice.enqueue({ url: rig.url('/json'), ...spec })),
  );
  const settings = await redis.hgetall(bull.meta);
  const scheduler = await redis.hgetall(bull.job('repeat:nightly'));
  await redis[push](bull.wait, ...ids);

  await rig.startPool();
  for (const handle of handles) expect((await handle.result()).status).toBe(200);
  for (const id of ids) await until(() => nowhere(rig, id));
  // The queue takes what comes after, also when all its lists were empty.
  expect((await rig.end('/json')).outcome.kind).toBe('response');
  expect(await redis.hgetall(bull.meta)).toEqual(settings);
  expect(await redis.hgetall(bull.job('repeat:nightly'))).toEqual(scheduler);
  for (const id of ids) {
    expect(await redis.zscore(bull.failed, id)).toBeNull();
    expect(await redis.exists(bull.lock(id), keys.quarantined(queue, id))).toBe(0);
  }
  expect(await rig.upstream.arrivals()).toHaveLength(specs.length + 1);
}

describe('an id in the wait list that names a key of BullMQ is removed, and the key is left alone', () => {
  test.each(['meta', 'wait', 'events'])('"%s", taken first', async (id) => {
    await performedAround([id], 'rpush');
  });

  test('each of them, taken last', async () => {
    await performedAround([...ofQueue, ...ofJob], 'lpush');
  });

  // BullMQ makes a hash of what is not there, and nothing else can be kept under its name then.
  const absent = ['wait', 'delayed', 'prioritized', 'limiter', 'marker', 'failed', 'stalled', 'good-1:lock'];
  test.each(absent)('"%s", alone in the queue', async (id) => {
    await using rig = await Rig.open({ idle: true });
    const bull = rig.keys.bull(rig.queue);
    await rig.redis.lpush(bull.wait, id);
    await rig.redis.zadd(bull.marker, 0, '0');
    await rig.startPool();
    await until(() => nowhere(rig, id));
    expect((await rig.end('/json')).outcome.kind).toBe('response');
    expect(await rig.redis.type(bull.wait)).toBe('none');
  });
});
