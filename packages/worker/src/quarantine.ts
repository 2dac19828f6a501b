import type { Redis } from 'ioredis';
import {
  type BoundScript,
  type Keys,
  type Logger,
  bindScript,
  codeOfOutcome,
  expireCall,
  expireScript,
  failedReason,
} from '@sluice/shared';

/**
 * Jobs whose data is no JSON never reach the pipeline: BullMQ throws while it takes them, and the stalled check brings
 * them back for ever. When one stalls it is looked at here, and moved to the failed jobs with its raw data kept.
 */
export class Quarantine {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #fail: BoundScript;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#fail = bindScript(redis, expireScript);
  }

  /** Called with each job that stalled: its worker was lost, or could not read it. */
  async look(queue: string, id: string): Promise<void> {
    const bull = this.#keys.bull(queue);
    const [data, opts] = await this.#redis.hmget(bull.job(id), 'data', 'opts');
    if (isJson(data) && isJson(opts)) return;
    const reason = failedReason({
      code: codeOfOutcome.poison,
      message: 'the job is no JSON; its raw data is kept',
    });
    // Refused while a worker tries it: the next pass finds it again.
    const moved = await this.#fail(...expireCall(this.#keys, queue, id, Date.now(), reason));
    if (moved === 1) this.#log.error({ queue, id }, reason);
  }
}

function isJson(text: string | null | undefined): boolean {
  if (text == null) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
