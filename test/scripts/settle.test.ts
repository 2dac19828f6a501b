import { expect, test } from 'vitest';
import { encodeSettled } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

const bytes = Buffer.from([0x7b, 0x7d, 0x0a, 0x00, 0xff, 0x0a, 0x80]);

test('an outcome is committed once: a second commit is told so, and changes nothing', async () => {
  await using lab = openLab();
  await lab.redis.set(lab.bull.lock('a'), 'mine');
  const first = { id: 'a', token: 'mine', bytes, keep: true, replyTo: 'p' };
  expect(await lab.settle(first)).toBe('committed');
  expect(await lab.settle({ ...first, bytes: 'other' })).toBe('already');
  expect(await lab.redis.getBuffer(lab.keys.outcome(lab.queue, 'a'))).toEqual(bytes);
  expect(await lab.redis.xlen(lab.keys.replies('p'))).toBe(1);
});

test('a run whose lock another has cannot commit, and writes nothing', async () => {
  await using lab = openLab();
  await lab.redis.set(lab.bull.lock('a'), 'theirs');
  expect(await lab.settle({ id: 'a', token: 'mine', bytes, replyTo: 'p' })).toBe('lock-lost');
  expect(await lab.redis.exists(lab.keys.outcome(lab.queue, 'a'), lab.keys.replies('p'))).toBe(0);
});

test('a run that finished late, after its lock expired, is committed', async () => {
  await using lab = openLab();
  expect(await lab.settle({ id: 'a', token: 'mine', bytes })).toBe('committed');
});

test('of many runs that settle at once, exactly one is committed, and one reply is sent', async () => {
  await using lab = openLab();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => lab.settle({ id: 'a', token: 'mine', bytes, replyTo: 'p' })),
  );
  expect(answers.filter((answer) => answer === 'committed')).toHaveLength(1);
  expect(await lab.redis.xlen(lab.keys.replies('p'))).toBe(1);
});

test('the bytes are kept under the id if they are to be kept; otherwise only a marker is', async () => {
  await using lab = openLab();
  await lab.settle({ id: 'kept', token: 't', bytes, keep: true, ttlMs: 3_600_000 });
  await lab.settle({ id: 'marked', token: 't', bytes, keep: false, ttlMs: 600_000 });
  expect(await lab.redis.getBuffer(lab.keys.outcome(lab.queue, 'kept'))).toEqual(bytes);
  expect(await lab.redis.get(lab.keys.outcome(lab.queue, 'marked'))).toBe('-');
  const ttl = await lab.redis.pttl(lab.keys.outcome(lab.queue, 'kept'));
  expect(ttl).toBeGreaterThan(3_500_000);
  expect(ttl).toBeLessThanOrEqual(3_600_000);
});

test('the reply carries the queue, the id, and the bytes unchanged', async () => {
  await using lab = openLab();
  await lab.settle({ id: 'a', token: 't', bytes, replyTo: 'p' });
  const entries = await lab.redis.xrangeBuffer(lab.keys.replies('p'), '-', '+');
  expect(entries).toHaveLength(1);
  const [, [idName, id, settledName, settled]] = entries[0]!;
  expect([String(idName), String(id), String(settledName)]).toEqual(['id', 'q/a', 'settled']);
  expect(settled).toEqual(bytes);
});

test('every reply restarts the TTL of its stream', async () => {
  await using lab = openLab();
  await lab.settle({ id: 'a', token: 't', bytes, replyTo: 'p', replyTtlMs: 600_000 });
  await lab.redis.pexpire(lab.keys.replies('p'), 50_000);
  await lab.settle({ id: 'b', token: 't', bytes, replyTo: 'p', replyTtlMs: 600_000 });
  expect(await lab.redis.pttl(lab.keys.replies('p'))).toBeGreaterThan(590_000);
});

test('if nobody awaits, no stream is written', async () => {
  await using lab = openLab();
  await lab.settle({ id: 'a', token: 't', bytes });
  expect(await lab.redis.keys(`${lab.prefix}*`)).toEqual([lab.keys.outcome(lab.queue, 'a')]);
});

test('every watcher is told once, and the watch is over', async () => {
  await using lab = openLab();
  await lab.redis.hset(lab.bull.job('a'), 'data', '{}');
  for (const producer of ['p', 'w', 'w', 'x']) {
    expect(await lab.watch('a', producer)).toEqual({ verdict: 'watching', end: null });
  }
  const outcome = { kind: 'response', attempts: 1, endedAt: 1, durationMs: 1 } as const;
  const ended = encodeSettled(outcome, Buffer.from('end'));
  await lab.settle({ id: 'a', token: 't', bytes: ended, replyTo: 'p', keep: true });
  for (const producer of ['p', 'w', 'x']) expect(await lab.redis.xlen(lab.keys.replies(producer))).toBe(1);
  expect(await lab.redis.exists(lab.keys.watchers(lab.queue, 'a'))).toBe(0);
  expect(await lab.watch('a', 'late')).toEqual({
    verdict: 'ended',
    end: { outcome, body: Buffer.from('end') },
  });
  expect(await lab.watch('never', 'p')).toEqual({ verdict: 'unknown', end: null });
});

test('an outcome of a batch is added to its stream and counted, and its deadline is forgotten', async () => {
  await using lab = openLab();
  await lab.redis.zadd(lab.keys.deadlines(lab.queue), 1, 'a', 2, 'other');
  const batch = { name: 'b', index: 7, failed: false };
  await lab.settle({ id: 'a', token: 't', bytes: 'x', batch });
  await lab.settle({ id: 'a', token: 't', bytes: 'x', batch });
  await lab.settle({ id: 'c', token: 't', bytes: 'y', batch: { name: 'b', index: 8, failed: true } });
  const entries = await lab.redis.xrange(lab.keys.batch('b'), '-', '+');
  expect(entries.map(([, fields]) => fields)).toEqual([
    ['id', 'a', 'index', '7', 'settled', 'x'],
    ['id', 'c', 'index', '8', 'settled', 'y', 'queue', 'q'],
  ]);
  expect(await lab.redis.hgetall(lab.keys.batchState('b'))).toMatchObject({ ended: '2', failed: '1' });
  expect(await lab.redis.zrange(lab.keys.deadlines(lab.queue), 0, '-1')).toEqual(['other']);
});
