import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { describe, expect, test, vi } from 'vitest';
import type { Outcome } from '@sluice/shared';
import type { TakenJob } from '../src/job/taken-job.ts';
import { RetryLater, backoffStrategy, settle } from '../src/pipeline/settle.ts';
import type { Verdict } from '../src/job/verdict.ts';
import type { Holds } from '../src/limits/holds.ts';
import type { Outcomes } from '../src/results/outcomes.ts';

const now = 1_000_000;
const job = (data: unknown): TakenJob => ({
  queue: 'q',
  id: 'id',
  token: 'token',
  data,
  attemptsMade: 0,
  stalls: 0,
  takenAt: 0,
  waitedMs: 0,
  signal: new AbortController().signal,
});

describe('a verdict becomes', () => {
  const outcome = { kind: 'response', attempts: 1, endedAt: now, durationMs: 1 } as const;
  const lost = {
    kind: 'timeout',
    attempts: 1,
    endedAt: now,
    durationMs: 1,
    error: { code: 'SLUICE_TIMEOUT', message: 'late' },
  } as const;
  const body = new Uint8Array();

  function settling(
    verdict: Verdict,
    committed: 'committed' | 'already' | 'lock-lost' = 'committed',
    before: Outcome['error'] | null = null,
    isHeld = true,
  ) {
    const bull = { moveToDelayed: vi.fn(async () => {}), moveToWait: vi.fn(async () => {}) };
    const commit = vi.fn(async () => committed);
    const putOff = vi.fn(async () => isHeld);
    const outcomes = { call: () => null, commit, failureOf: async () => before } as unknown as Outcomes;
    const holds = { putOff, isPutOff: async () => true } as unknown as Holds;
    const result = settle(verdict, job(null), bull as unknown as Job, {}, outcomes, holds);
    return { result, bull, commit, putOff };
  }

  test('done: a completed job, with a few bytes as its result', async () => {
    const { result, commit } = settling({ type: 'done', outcome, body: new Uint8Array(1_000_000) });
    expect(await result).toBe('response');
    expect(commit).toHaveBeenCalledTimes(1);
  });

  test('give-up: a failed job that BullMQ does not retry, with code and sentence', async () => {
    const { result } = settling({ type: 'give-up', outcome: lost, body });
    await expect(result).rejects.toThrow(UnrecoverableError);
    await expect(result).rejects.toThrow('SLUICE_TIMEOUT: late');
  });

  test('an end of a job that already has an outcome: as that one says', async () => {
    const verdicts: Verdict[] = [
      { type: 'give-up', outcome: lost, body },
      { type: 'done', outcome, body },
      { type: 'settled-before' },
    ];
    for (const verdict of verdicts) {
      expect(await settling(verdict, 'already').result).toBe('settled-before');
      const failed = settling(verdict, 'already', { code: 'SLUICE_NETWORK', message: 'gone' }).result;
      await expect(failed).rejects.toThrow(UnrecoverableError);
      await expect(failed).rejects.toThrow('SLUICE_NETWORK: gone');
    }
  });

  test('any verdict on a job that another worker has: a dropped run', async () => {
    await expect(settling({ type: 'done', outcome, body }, 'lock-lost').result).rejects.toThrow(
      /another worker/,
    );
    await expect(settling({ type: 'abandon' }).result).rejects.toThrow(/lock was lost/);
  });

  test('retry: an error that carries the delay to the backoff strategy', async () => {
    const { result, putOff } = settling({ type: 'retry', inMs: 1234, message: 'again', cause: null });
    const error = await result.then(null, (reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(RetryLater);
    expect(backoffStrategy(1, 'sluice', error as Error)).toBe(1234);
    expect(putOff).not.toHaveBeenCalled();
  });

  test('retry after a wait that the upstream asked for: also noted, so that lifting the hold wakes the job', async () => {
    const cause = { type: 'asked' } as const;
    const { result, putOff } = settling({ type: 'retry', inMs: 1234, message: 'again', cause });
    await expect(result).rejects.toMatchObject({ delayMs: 1234, isPutOff: true });
    expect(putOff).toHaveBeenCalledWith('q', 'id', 1234, cause);
  });

  test('put off because of a hold that was lifted meanwhile: not at all', async () => {
    const cause = { type: 'held', origin: 'http://upstream.test' } as const;
    const retry: Verdict = { type: 'retry', inMs: 1234, message: 'again', cause };
    await expect(settling(retry, 'committed', null, false).result).rejects.toMatchObject({ delayMs: 0 });
    const back: Verdict = { type: 'give-back', putOffMs: 1234, cause };
    await expect(settling(back, 'committed', null, false).result).rejects.toThrow(WaitingError);
  });

  test('give-back: to the front, or put off', async () => {
    const front = settling({ type: 'give-back', putOffMs: 0, cause: null });
    await expect(front.result).rejects.toThrow(WaitingError);
    expect(front.bull.moveToWait).toHaveBeenCalledWith('token');
    const later = settling({ type: 'give-back', putOffMs: 500, cause: null });
    await expect(later.result).rejects.toThrow(DelayedError);
    expect(later.bull.moveToDelayed).toHaveBeenCalledTimes(1);
    expect(later.commit).not.toHaveBeenCalled();
  });

  test('a fault of our own: retried later and later, up to a minute', () => {
    expect([1, 2, 3, 7, 20].map((made) => backoffStrategy(made, 'sluice', new Error('x')))).toEqual([
      1000, 2000, 4000, 60_000, 60_000,
    ]);
  });
});
