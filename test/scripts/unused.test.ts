import { expect, test } from 'vitest';
import { openLab } from './lab.ts';

test('an unused permit is given back: the next one starts when it would have', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '1/1h' });
  expect((await lab.permit()).verdict).toBe('go');
  const granted = lab.granted();
  expect((await lab.permit({ id: 'next' })).verdict).toBe('closed');
  expect(await lab.unused(granted)).toBe(true);
  expect(await lab.permit({ id: 'next' })).toMatchObject({ verdict: 'go', wait: 0 });
  expect(Number(await lab.redis.hget(lab.own.stats, 'sent'))).toBe(1);
});

test('though another was granted after it: its place in the window is free, and one more start is due', async () => {
  await using lab = openLab();
  const { paceUs } = await lab.apply({ rate: { limit: 2, per: '10s', burst: 1 } });
  await lab.permit({ longestMs: 20_000 });
  const first = lab.granted();
  await lab.permit({ id: 'second', longestMs: 20_000 });
  const [second] = lab.granted();
  expect(await lab.unused(first)).toBe(true);
  expect(await lab.unused(first)).toBe(false);
  await lab.permit({ id: 'third', longestMs: 20_000 });
  // The window has room, and the schedule asks for no more than the shortest distance.
  const [third] = lab.granted();
  expect(Number(third) - Number(second)).toBeLessThan(paceUs);
  expect(Number(third) - Number(second)).toBeGreaterThanOrEqual(Math.floor(paceUs / 1.3));
  await lab.permit({ id: 'fourth', longestMs: 60_000 });
  expect(Number(lab.granted()[0])).toBeGreaterThanOrEqual(Number(second) + 2 * paceUs);
});

test('a stale permit is exchanged in the call that asks again', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '1/1h' });
  await lab.permit();
  const stale = lab.granted();
  expect(await lab.permit({ stale })).toMatchObject({ verdict: 'go' });
  expect(await lab.redis.hget(lab.own.schedule, 'logged')).toBe('1');
  expect(await lab.redis.hget(lab.own.stats, 'sent')).toBe('1');
  expect((await lab.permit({ id: 'next' })).verdict).toBe('closed');
});

test('a stale permit is taken back, whatever the answer', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '1/1h' });
  await lab.permit();
  await lab.redis.set(lab.keys.cancel(lab.queue, 'job'), '1');
  expect((await lab.permit({ stale: lab.granted() })).verdict).toBe('cancelled');
  expect((await lab.permit({ id: 'next' })).verdict).toBe('go');
});

test('the gate gets its token back, although the permit kept it shut for longer than its window', async () => {
  await using lab = openLab();
  const { gate } = await lab.apply({ rate: '1/1h' });
  // As BullMQ does it when a worker takes a job.
  await lab.redis.set(lab.own.limiter, 1, 'PX', gate.duration);
  await lab.permit({ ageMs: 0 });
  await lab.redis.pexpire(lab.own.limiter, gate.duration + 900);
  expect(await lab.unused(lab.granted(), 20)).toBe(true);
  expect((await lab.limiter()).taken).toBe(0);
});

test('a job that asks again keeps its token', async () => {
  await using lab = openLab();
  const { gate } = await lab.apply({ rate: '1/1h' });
  await lab.redis.set(lab.own.limiter, 1, 'PX', gate.duration);
  await lab.permit({ ageMs: 0 });
  expect(await lab.unused(lab.granted())).toBe(true);
  expect((await lab.limiter()).taken).toBe(1);
  expect((await lab.permit({ ageMs: 5 })).verdict).toBe('go');
});

test('without a rate only the count is corrected', async () => {
  await using lab = openLab();
  await lab.apply({});
  await lab.permit();
  expect(await lab.unused(lab.granted())).toBe(false);
  expect(await lab.redis.hget(lab.own.stats, 'sent')).toBe('0');
  expect(await lab.redis.exists(lab.own.pace)).toBe(0);
});
