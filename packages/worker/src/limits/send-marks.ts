import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, type Policy, markScript, unmarkScript } from '@sluice/shared';
import type { TakenJob } from '../job/taken-job.ts';

/** A run that comes later than this is not told from a first one. */
const markTtlMs = 7 * 86_400_000;

/** Whether the attempts of a job are marked: as it says, else as its queue's policy does. @param job of any version */
export function isAtMostOnce(job: unknown, policy: Policy): boolean {
  const { delivery } = (job ?? {}) as { delivery?: unknown };
  return (delivery ?? policy.delivery) === 'at-most-once';
}

type Run = Pick<TakenJob, 'queue' | 'id' | 'token' | 'attemptsMade'>;

/** Marks of at-most-once jobs: "this attempt is being sent". A re-run of the attempt finds it and sends nothing. */
export class SendMarks {
  readonly #mark: BoundTo<typeof markScript>;
  readonly #unmark: BoundTo<typeof unmarkScript>;

  constructor(redis: Redis, keys: Keys) {
    this.#mark = bindScript(redis, keys, markScript);
    this.#unmark = bindScript(redis, keys, unmarkScript);
  }

  /** False when the attempt was marked before. */
  async mark({ queue, id, token, attemptsMade }: Run): Promise<boolean> {
    return await this.#mark([queue, id], { attempt: attemptsMade, token, ttlMs: markTtlMs });
  }

  /** Nothing was sent after all, or BullMQ knows how the attempt ended: it will not be run again. */
  async clear({ queue, id, token, attemptsMade }: Run): Promise<void> {
    await this.#unmark([queue, id], { attempt: attemptsMade, token });
  }
}
