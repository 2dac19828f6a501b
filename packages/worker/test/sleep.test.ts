import { describe, expect, test } from 'vitest';
import { sleepUntil } from '../src/limits/sleep.ts';

const never = new AbortController().signal;

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
