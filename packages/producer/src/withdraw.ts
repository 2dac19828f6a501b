import type { Queue } from 'bullmq';
import type { Outcome } from '@sluice/shared';

/** The outcome of a job that its caller took back before it was attempted. */
export const withdrawnOutcome = (now: number): Outcome => ({
  kind: 'cancelled',
  attempts: 0,
  endedAt: now,
  durationMs: 0,
  error: { code: 'SLUICE_CANCELLED', message: 'the job was taken back before it was attempted' },
});

/** Removes a job that waits or is delayed; false when a worker has it, or it has ended. */
export async function withdraw(queue: Queue, id: string): Promise<boolean> {
  try {
    return (await queue.remove(id)) === 1;
  } catch {
    // BullMQ throws for a job that is locked by a worker.
    return false;
  }
}
