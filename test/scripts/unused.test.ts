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
  // What is left of the reservation still goes by itself.
  expect(await lab.redis.pttl(lab.own.pace)).toBeGreaterThan(0);
});

test('its start is kept when another was granted after it: the pace holds', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '10/1s' });
  await lab.permit();
  const first = lab.granted();
  await lab.permit({ id: 'second' });
  const [, next] = lab.granted();
  expect(await lab.unused(first)).toBe(false);
  expect(await lab.redis.get(lab.own.pace)).toBe(next);
  expect(await lab.unused(first)).toBe(false);
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
