import { describe, expect, test, vi } from 'vitest';
import { policySchema } from '@sluice/shared';
import { AttemptTimeout, AttemptTimer } from '../src/http/attempt-timer.ts';
import { queueCaps } from '../src/queue/concurrency.ts';
import type { LivePolicy } from '../src/job/live-policy.ts';
import { Slots } from '../src/slots.ts';
import { sleepUntil } from '../src/limits/sleep.ts';

const never = new AbortController().signal;

/** Everything that is due in this turn has run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a semaphore', () => {
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

  test('takes a release twice for one', async () => {
    const slots = new Slots(1);
    const release = await slots.acquire(never);
    release[Symbol.dispose]();
    release[Symbol.dispose]();
    await slots.acquire(never);
    const second = slots.acquire(never).then(() => 'in');
    expect(await Promise.race([second, settled().then(() => 'waiting')])).toBe('waiting');
  });

  test('forgets who stopped waiting: the slot goes to the next', async () => {
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

  test('refuses whoever comes aborted, and keeps its slot', async () => {
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

describe('sleeping until a time', () => {
  test('never ends early', async () => {
    for (const ms of [0.2, 1, 1.9, 5.5, 20]) {
      const until = performance.now() + ms;
      await sleepUntil(until, never);
      expect(performance.now()).toBeGreaterThanOrEqual(until);
    }
  });

  test('ends at once when the time is past, or the signal is aborted', async () => {
    const begun = performance.now();
    await sleepUntil(begun - 1, never);
    await sleepUntil(begun + 60_000, AbortSignal.abort());
    const stop = new AbortController();
    const sleep = sleepUntil(begun + 60_000, stop.signal);
    stop.abort();
    await sleep;
  });
});

describe('the timer of an attempt', () => {
  test('ends work that takes longer, also work that heeds no signal', async () => {
    using timer = new AttemptTimer(20, never);
    await expect(timer.race(new Promise(() => {}))).rejects.toThrow(AttemptTimeout);
    expect(timer.signal.reason).toMatchObject({ message: 'no complete response within 20 ms' });
  });

  test('stands still while it is paused, and goes on with what was left', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      using timer = new AttemptTimer(100, never);
      vi.advanceTimersByTime(10_000);
      timer.run();
      vi.advanceTimersByTime(60);
      timer.pause();
      vi.advanceTimersByTime(10_000);
      expect(timer.signal.aborted).toBe(false);
      timer.run();
      expect(timer.leftMs).toBeCloseTo(40, 0);
      vi.advanceTimersByTime(39);
      expect(timer.signal.aborted).toBe(false);
      vi.advanceTimersByTime(2);
      expect(timer.signal.aborted).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test('runs while work is under way, and between two pieces of work it stands still', async () => {
    using timer = new AttemptTimer(40, never);
    await timer.race(Promise.resolve());
    await sleepUntil(performance.now() + 80, never);
    expect(timer.aborted).toBe(false);
    await expect(timer.race(sleepUntil(performance.now() + 5, never))).resolves.toBeUndefined();
    expect(timer.leftMs).toBeLessThanOrEqual(35.5);
    await expect(timer.race(new Promise(() => {}))).rejects.toThrow(AttemptTimeout);
  });

  test('is not stopped by what a piece of work that has ended says later', async () => {
    using timer = new AttemptTimer(40, never);
    let late: () => void = () => {};
    await timer.work<void>((resolve) => {
      late = resolve;
      resolve();
      return () => {};
    });
    const next = timer.race(new Promise(() => {}));
    late();
    await expect(next).rejects.toThrow(AttemptTimeout);
  });

  test("ends with the job's own reason when that is first, and at once when it is there already", async () => {
    const job = new AbortController();
    using timer = new AttemptTimer(60_000, job.signal);
    const work = timer.race(new Promise(() => {}));
    job.abort('lock lost');
    await expect(work).rejects.toBe('lock lost');
    using late = new AttemptTimer(60_000, job.signal);
    await expect(late.race(new Promise(() => {}))).rejects.toBe('lock lost');
  });

  test('hands the result and the error of the work through', async () => {
    using timer = new AttemptTimer(60_000, never);
    await expect(timer.race(Promise.resolve(7))).resolves.toBe(7);
    await expect(timer.race(Promise.reject(new Error('theirs')))).rejects.toThrow('theirs');
  });

  test('leaves nothing behind: neither a running timer nor a listener on the job', () => {
    const job = new AbortController();
    const remove = vi.spyOn(job.signal, 'removeEventListener');
    const timer = new AttemptTimer(10, job.signal);
    timer[Symbol.dispose]();
    expect(remove).toHaveBeenCalledTimes(1);
    job.abort();
    expect(timer.signal.aborted).toBe(false);
  });
});

describe('the concurrency of a process', () => {
  const queue = (name: string, worker: number | null = null): LivePolicy => ({
    name,
    version: 1,
    policy: policySchema.parse({ concurrency: { worker } }),
  });

  test('is shared out among its queues, so that what is taken finds a slot', () => {
    expect([...queueCaps([queue('a')], 50)]).toEqual([['a', 50]]);
    expect([...queueCaps([queue('a'), queue('b'), queue('c')], 50).values()]).toEqual([16, 16, 16]);
  });

  test('leaves at least one job to each queue', () => {
    expect([...queueCaps([queue('a'), queue('b'), queue('c')], 2).values()]).toEqual([1, 1, 1]);
  });

  test('is what the policy says, but never more than the process has', () => {
    expect([...queueCaps([queue('a', 5), queue('b', 500), queue('c')], 60).values()]).toEqual([5, 60, 20]);
  });
});
