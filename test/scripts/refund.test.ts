import { expect, test } from 'vitest';
import { closedGate } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

/** A queue whose gate's window is 10 s, of which 6 s are left: it began 4 s ago. */
async function inTheMiddle(taken: number) {
  const lab = openLab();
  await lab.apply({ rate: { limit: 10, per: '10s', shape: 'burst' } });
  await lab.redis.set(lab.own.limiter, taken, 'PX', 6000);
  return lab;
}

test('a token that was taken in the running window is given back', async () => {
  await using lab = await inTheMiddle(3);
  expect(await lab.refund(1000)).toBe(true);
  expect((await lab.limiter()).taken).toBe(2);
});

test('giving a token back leaves the end of the window where it was', async () => {
  await using lab = await inTheMiddle(3);
  await lab.refund(0);
  const { ttl } = await lab.limiter();
  expect(ttl).toBeGreaterThan(5000);
  expect(ttl).toBeLessThanOrEqual(6000);
});

test('a token of a window that is over is not taken off the next one', async () => {
  await using lab = await inTheMiddle(3);
  expect(await lab.refund(9000)).toBe(false);
  expect((await lab.limiter()).taken).toBe(3);
});

test('the count never falls below zero', async () => {
  await using lab = await inTheMiddle(1);
  expect(await lab.refund(0)).toBe(true);
  expect(await lab.refund(0)).toBe(false);
  expect((await lab.limiter()).taken).toBe(0);
});

test('no window, no refund: no key is left behind', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '100/1s' });
  expect(await lab.refund(0)).toBe(false);
  expect(await lab.redis.exists(lab.own.limiter)).toBe(0);
});

test('a closed gate stays closed', async () => {
  await using lab = openLab();
  await lab.apply({ rate: '100/1s' });
  await lab.redis.set(lab.own.limiter, String(closedGate), 'PX', 200);
  expect(await lab.refund(0)).toBe(false);
  expect((await lab.limiter()).taken).toBe(closedGate);
});

test('a job without a token gets none back', async () => {
  await using lab = await inTheMiddle(3);
  expect(await lab.refund(-1)).toBe(false);
  expect((await lab.limiter()).taken).toBe(3);
});

test('a queue without a policy has nothing to give back', async () => {
  await using lab = openLab();
  await lab.redis.set(lab.own.limiter, 3, 'PX', 6000);
  expect(await lab.refund(1)).toBe(false);
});
