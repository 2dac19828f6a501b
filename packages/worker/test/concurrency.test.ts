import { describe, expect, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import { queueCaps } from '../src/queue/concurrency.ts';
import type { LivePolicy } from '../src/job/live-policy.ts';

describe('the concurrency of a process', () => {
  const queue = (name: string, worker: number | null = null): LivePolicy => ({
    name,
    version: 1,
    policy: policySchema.parse({ concurrency: { worker } }),
  });

  test('is divided among its queues, so that taken jobs find a slot', () => {
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
