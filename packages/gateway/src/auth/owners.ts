import { SluiceError, keysOf } from '@sluice/shared';
import type { GatewayRedis } from '../gateway-redis.ts';
import type { Caller } from './caller.ts';

const dayMs = 86_400_000;

/** How long a job is remembered as its key's after its outcome could be gone, or after the key looked last, ms. */
const jobMs = dayMs;

/** A batch is kept for 7 days after its last outcome. */
const batchMs = 8 * dayMs;

/**
 * Whose a job or a batch is: the outcome of a job is for the key that enqueued it, and for keys with the scope `payload`.
 * Only what keys without that scope enqueue is noted, so others cost nothing here.
 */
export class Owners {
  readonly #redis: GatewayRedis | undefined;

  constructor(redis: GatewayRedis | undefined) {
    this.#redis = redis;
  }

  /** Notes whose a job is. Also of one that was there: whoever sends its very request may have its response. */
  async job(caller: Caller, queue: string, id: string, keepMs: number): Promise<void> {
    if (caller.may('payload', queue)) return;
    await this.#note(caller, this.#key(queue, 'job', id), jobMs + keepMs);
  }

  /**
   * Before a batch is created, or gets more jobs.
   * @param exists whether it is there already
   * @throws SluiceError SLUICE_FORBIDDEN for one that is another's
   */
  async batch(caller: Caller, queue: string, name: string, exists: () => Promise<boolean>): Promise<void> {
    if (caller.may('payload', queue)) return;
    const key = this.#key(queue, 'batch', name);
    if (await this.#isHis(caller, key, batchMs)) return;
    if (await exists()) throw notHis('batch', name);
    await this.#note(caller, key, batchMs);
  }

  /** @throws SluiceError SLUICE_FORBIDDEN unless the caller may read its outcomes */
  async assertMayRead(caller: Caller, queue: string, kind: 'job' | 'batch', name: string): Promise<void> {
    if (caller.may('payload', queue)) return;
    const key = this.#key(queue, kind, name);
    if (!(await this.#isHis(caller, key, kind === 'job' ? jobMs : batchMs))) throw notHis(kind, name);
  }

  #key(queue: string, kind: 'job' | 'batch', name: string): string {
    return keysOf(this.#redis?.prefix ?? '').owners(queue, kind, name);
  }

  async #note({ id }: Caller, key: string, ms: number): Promise<void> {
    if (this.#redis === undefined) return;
    await this.#redis.client.multi().sadd(key, id).pexpire(key, ms, 'NX').pexpire(key, ms, 'GT').exec();
  }

  async #isHis({ id }: Caller, key: string, ms: number): Promise<boolean> {
    if (this.#redis === undefined || (await this.#redis.client.sismember(key, id)) === 0) return false;
    // Whoever still asks still waits.
    await this.#redis.client.pexpire(key, ms, 'GT');
    return true;
  }
}

function notHis(kind: 'job' | 'batch', name: string): SluiceError {
  const message = `${kind} "${name}" was not enqueued with your key; the outcomes of others need the scope "payload"`;
  return new SluiceError('SLUICE_FORBIDDEN', message);
}
