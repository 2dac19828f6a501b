import { expect, test } from 'vitest';
import { openLab } from './lab.ts';

async function withReplies(ids: string[]) {
  const lab = openLab();
  for (const id of ids) await lab.settle({ id, token: 't', bytes: 'x', replyTo: 'p' });
  const entries = await lab.redis.xrange(lab.keys.replies('p'), '-', '+');
  return { lab, entryIds: entries.map(([id]) => id) };
}

test('delivered replies leave the stream, later ones stay', async () => {
  const { lab: opened, entryIds } = await withReplies(['a', 'b', 'c']);
  await using lab = opened;
  await lab.acknowledge('p', ['a', 'b'], entryIds[1]!);
  const left = await lab.redis.xrange(lab.keys.replies('p'), '-', '+');
  expect(left.map(([id]) => id)).toEqual([entryIds[2]]);
});

test('the marker of a job that is gone from its queue is dropped with it', async () => {
  const { lab: opened, entryIds } = await withReplies(['a', 'b']);
  await using lab = opened;
  await lab.redis.hset(lab.bull.job('b'), 'data', '{}');
  await lab.acknowledge('p', ['a', 'b'], entryIds[1]!);
  expect(await lab.redis.exists(lab.keys.outcome(lab.queue, 'a'))).toBe(0);
  // A stalled check may run it again, and the marker then stops it.
  expect(await lab.redis.exists(lab.keys.outcome(lab.queue, 'b'))).toBe(1);
});

test('a failed job whose error its caller received is removed, unless the policy keeps it', async () => {
  const { lab: opened, entryIds } = await withReplies(['a', 'b', 'c']);
  await using lab = opened;
  const failed = async () => {
    for (const id of ['a', 'b', 'c']) {
      await lab.redis.hset(lab.bull.job(id), 'finishedOn', '1');
      await lab.redis.zadd(lab.bull.failed, 1, id);
    }
  };
  const left = async () => await lab.redis.zrange(lab.bull.failed, 0, '-1');
  await failed();
  await lab.apply({ keepFailed: { awaited: true } });
  await lab.acknowledge('p', ['a', 'b'], entryIds[1]!, '10');
  expect(await left()).toEqual(['a', 'b', 'c']);
  for (const input of [{}, { keepFailed: { awaited: false } }]) {
    await failed();
    await lab.apply(input);
    await lab.acknowledge('p', ['a', 'b'], entryIds[1]!, '10');
    expect(await left()).toEqual(['b', 'c']);
    expect(await lab.redis.exists(lab.bull.job('a'))).toBe(0);
    expect(await lab.redis.exists(lab.bull.job('b'))).toBe(1);
  }
  await failed();
  await lab.redis.unlink(lab.own.policy);
  await lab.acknowledge('p', ['c', 'a'], entryIds[2]!, '01');
  expect(await left()).toEqual(['b', 'c']);
});

test('the marker of a job that failed for good is dropped, and the job stays', async () => {
  const { lab: opened, entryIds } = await withReplies(['a']);
  await using lab = opened;
  await lab.redis.hset(lab.bull.job('a'), { data: '{}', finishedOn: 1, failedReason: 'x' });
  await lab.acknowledge('p', ['a'], entryIds[0]!);
  // Kept for its TTL it would be one key more for ten minutes per failure.
  expect(await lab.redis.exists(lab.keys.outcome(lab.queue, 'a'))).toBe(0);
  expect(await lab.redis.hget(lab.bull.job('a'), 'failedReason')).toBe('x');
});

test('acknowledging everything leaves an empty stream, and a second time does no harm', async () => {
  const { lab: opened, entryIds } = await withReplies(['a', 'b']);
  await using lab = opened;
  for (let n = 0; n < 2; n++) await lab.acknowledge('p', ['a', 'b'], entryIds[1]!);
  expect(await lab.redis.xlen(lab.keys.replies('p'))).toBe(0);
  await lab.settle({ id: 'c', token: 't', bytes: 'x', replyTo: 'p' });
  expect(await lab.redis.xlen(lab.keys.replies('p'))).toBe(1);
});

test('an outcome that is kept stays for whoever asks for it by its id', async () => {
  await using lab = openLab();
  await lab.settle({ id: 'a', token: 't', bytes: 'kept', keep: true, replyTo: 'p' });
  const [[entry]] = (await lab.redis.xrange(lab.keys.replies('p'), '-', '+')) as [[string, string[]]];
  await lab.acknowledge('p', ['a'], entry);
  expect(await lab.redis.get(lab.keys.outcome(lab.queue, 'a'))).toBe('kept');
});
