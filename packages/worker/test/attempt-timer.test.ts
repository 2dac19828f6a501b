import { describe, expect, test, vi } from 'vitest';
import { AttemptTimeout, AttemptTimer } from '../src/http/attempt-timer.ts';
import { sleepUntil } from '../src/limits/sleep.ts';

const never = new AbortController().signal;

describe('the timer of an attempt', () => {
  test('ends work that takes longer, even if it ignores signals', async () => {
    using timer = new AttemptTimer(20, never);
    await expect(timer.race(new Promise(() => {}))).rejects.toThrow(AttemptTimeout);
    expect(timer.signal.reason).toMatchObject({ message: 'no complete response within 20 ms' });
  });

  test('stops while it is paused, and goes on with what was left', () => {
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

  test('runs while work is under way, and is stopped between two pieces of work', async () => {
    using timer = new AttemptTimer(40, never);
    await timer.race(Promise.resolve());
    await sleepUntil(performance.now() + 80, never);
    expect(timer.aborted).toBe(false);
    await expect(timer.race(sleepUntil(performance.now() + 5, never))).resolves.toBeUndefined();
    expect(timer.leftMs).toBeLessThanOrEqual(35.5);
    await expect(timer.race(new Promise(() => {}))).rejects.toThrow(AttemptTimeout);
  });

  test('is not stopped by what a piece of work reports after its end', async () => {
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

  test("ends with the job's own reason if that comes first, and at once if it is already aborted", async () => {
    const job = new AbortController();
    using timer = new AttemptTimer(60_000, job.signal);
    const work = timer.race(new Promise(() => {}));
    job.abort('lock lost');
    await expect(work).rejects.toBe('lock lost');
    using late = new AttemptTimer(60_000, job.signal);
    await expect(late.race(new Promise(() => {}))).rejects.toBe('lock lost');
  });

  test('passes on the result and the error of the work', async () => {
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
