import type { Redis } from 'ioredis';
import {
  type BoundScript,
  type Committed,
  type EndedJob,
  type Envelope,
  type Keys,
  type Settled,
  bindScript,
  committedOf,
  settleCall,
  settleScript,
} from '@sluice/shared';

/** Outcomes in Redis: set once under the job's id, and appended to the streams of whoever awaits. */
export class Outcomes {
  readonly #keys: Keys;
  readonly #settle: BoundScript;

  constructor(redis: Redis, keys: Keys) {
    this.#keys = keys;
    this.#settle = bindScript(redis, settleScript);
  }

  /** @param envelope null when the job cannot be read: then nobody can be told */
  async commit(job: EndedJob, envelope: Envelope | null, end: Settled): Promise<Committed> {
    return committedOf(await this.#settle(...settleCall(this.#keys, job, envelope, end)));
  }
}
