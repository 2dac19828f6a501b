import { expect, test } from 'vitest';
import { foreignShare, read } from './foreign-cpu.ts';
import { inRounds, quietText } from './rounds.ts';

/** Rounds of two cases, while others use these shares of the machine, round by round. */
async function rounds(count: number, shares: (number | null)[]) {
  const order: string[] = [];
  let looks = 0;
  const result = await inRounds(['a', 'b'], {
    rounds: count,
    warmUp: async (one) => `warm-${one}`,
    run: async (one) => {
      order.push(one);
      return `${one}${order.length}`;
    },
    say: () => {},
    // Looked at before and after each round.
    foreign: { share: () => (looks++ % 2 === 0 ? 1 : shares[Math.floor((looks - 1) / 2)]!) },
  });
  return { order: order.join(''), ...result };
}

test('cases take turns, and every other round goes backwards', async () => {
  const { order, cases, repeated } = await rounds(3, [0, 0, 0]);
  expect(order).toBe('abbaab');
  expect(cases).toEqual([
    { of: 'a', warmUp: 'warm-a', rounds: ['a1', 'a4', 'a5'] },
    { of: 'b', warmUp: 'warm-b', rounds: ['b2', 'b3', 'b6'] },
  ]);
  expect(repeated).toBe(0);
});

test('a round in which others used the machine is made again, in the same order', async () => {
  const { order, cases, repeated, disturbed, foreign } = await rounds(2, [0.02, 0.3, 0.04]);
  expect(order).toBe('abbaba');
  expect(cases[0]!.rounds).toEqual(['a1', 'a6']);
  expect({ repeated, disturbed, foreign }).toEqual({ repeated: 1, disturbed: 0, foreign: 0.04 });
});

test('on a machine that is never quiet it ends all the same, and says so', async () => {
  const result = await rounds(2, [0.5, 0.5, 0.5, 0.5]);
  expect(result).toMatchObject({ repeated: 2, disturbed: 2 });
  expect(quietText(result)).toContain('NOT QUIET: 2 rounds');
});

test('where nobody can tell, every round counts', async () => {
  const result = await rounds(2, [null, null]);
  expect(result).toMatchObject({ repeated: 0, disturbed: 0, foreign: null });
});

test('what our own processes use is not foreign, also what they used before they were seen', () => {
  const before = { at: 0, busyMs: 5000, ownMs: new Map([[1, 100]]) };
  const now = {
    at: 1000,
    busyMs: 6500,
    ownMs: new Map([
      [1, 900],
      [2, 300],
    ]),
  };
  expect(foreignShare(before, now, 2)).toBe(0.2);
  expect(foreignShare(before, { ...now, busyMs: 5000 }, 2)).toBe(0);
  expect(foreignShare(before, { ...now, ownMs: new Map() }, 2)).toBeNull();
});

test.skipIf(process.platform !== 'linux')('this process is read as one of ours', () => {
  const { ownMs } = read();
  const { user, system } = process.cpuUsage();
  expect(ownMs.get(process.pid)).toBeGreaterThan(0);
  // In ticks, and read a moment before.
  expect(ownMs.get(process.pid)).toBeLessThanOrEqual((user + system) / 1000 + 50);
  expect(ownMs.has(1)).toBe(false);
});
