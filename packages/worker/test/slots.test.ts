import { describe, expect, test } from 'vitest';
import { Slots } from '../src/slots.ts';

const never = new AbortController().signal;

/** Everything that is due in this turn has run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the slots of a process', () => {
  test('lets as many in as it has slots, the rest in the order in which they came', async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    const releases: Disposable[] = [];
    const all = [0, 1, 2, 3, 4].map(async (n) => {
      const release = await slots.acquire(never);
      order.push(n);
      releases.push(release);
    });
    await settled();
    expect(order).toEqual([0, 1]);
    for (let n = 0; n < 5; n++) {
      releases[n]![Symbol.dispose]();
      await settled();
    }
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test('ignores a second release of a slot', async () => {
    const slots = new Slots(1);
    const release = await slots.acquire(never);
    release[Symbol.dispose]();
    release[Symbol.dispose]();
    await slots.acquire(never);
    const second = slots.acquire(never).then(() => 'in');
    expect(await Promise.race([second, settled().then(() => 'waiting')])).toBe('waiting');
  });

  test('forgets a caller that stopped waiting: the slot goes to the next', async () => {
    const slots = new Slots(1);
    const release = await slots.acquire(never);
    const impatient = new AbortController();
    const gone = slots.acquire(impatient.signal);
    const next = slots.acquire(never);
    impatient.abort(new Error('shutdown'));
    await expect(gone).rejects.toThrow('shutdown');
    release[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    (await slots.acquire(never))[Symbol.dispose]();
  });

  test('rejects a caller whose signal is aborted, and keeps the slot', async () => {
    const slots = new Slots(1);
    await expect(slots.acquire(AbortSignal.abort(new Error('cancelled')))).rejects.toThrow('cancelled');
    await slots.acquire(never);
  });

  test('does not take a slot back from a signal that aborts after it was given', async () => {
    const slots = new Slots(1);
    const first = await slots.acquire(never);
    const late = new AbortController();
    const second = slots.acquire(late.signal);
    first[Symbol.dispose]();
    const release = await second;
    late.abort();
    release[Symbol.dispose]();
    await slots.acquire(never);
  });
});
