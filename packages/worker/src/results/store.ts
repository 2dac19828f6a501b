import type { Redis } from 'ioredis';
import {
  type BoundScript,
  type Envelope,
  type Keys,
  bindScript,
  encodeSettled,
  settleScript,
  settleVerdicts,
} from '@sluice/shared';
import type { TakenJob } from '../pipeline/admit.ts';
import type { End } from '../pipeline/verdict.ts';

/** A marker must outlive every run that could still find the job unfinished. */
const markerTtlMs = 600_000;

/** Replies nobody reads (their producer died) go after this. Each reply starts it anew. */
const replyTtlMs = 600_000;

export type Committed = 'committed' | 'already' | 'refused';

/** Outcomes in Redis: set once under the job's id, and appended to the reply stream of whoever awaits. */
export class Outcomes {
  readonly #keys: Keys;
  readonly #settle: BoundScript;

  constructor(redis: Redis, keys: Keys) {
    this.#keys = keys;
    this.#settle = bindScript(redis, settleScript);
  }

  /** @param envelope null when the job cannot be read: then nobody can be told */
  async commit(
    job: Pick<TakenJob, 'queue' | 'id' | 'token'>,
    envelope: Envelope | null,
    end: End,
  ): Promise<Committed> {
    const { queue, id, token } = job;
    const outcomeKey = this.#keys.outcome(queue, id);
    const replyTo = envelope?.replyTo;
    const keepMs = envelope?.keepMs;
    const verdict = await this.#settle(
      [
        this.#keys.bull(queue).lock(id),
        outcomeKey,
        replyTo === undefined ? outcomeKey : this.#keys.replies(replyTo),
      ],
      [
        token,
        encodeSettled(end.outcome, end.body),
        keepMs ?? markerTtlMs,
        keepMs === undefined ? 0 : 1,
        `${queue}/${id}`,
        replyTo === undefined ? 0 : replyTtlMs,
      ],
    );
    if (verdict === settleVerdicts.committed) return 'committed';
    return verdict === settleVerdicts.already ? 'already' : 'refused';
  }
}
