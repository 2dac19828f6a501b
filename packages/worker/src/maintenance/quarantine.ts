import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Keys,
  failedReason,
  isBullKey,
  quarantineScript,
  readEnvelopeText,
  removeStrayScript,
} from '@sluice/shared';
import type { Logger } from '../logger.ts';
import { mostStalls, unreadable } from '../pipeline/admit.ts';
import { ended } from '../pipeline/endings.ts';
import type { Outcomes } from '../results/outcomes.ts';

/** How long a key that is not a hash is kept, ms: as long as dead letters by default. */
const keptMs = 7 * 86_400_000;

/** A job as stored in Redis. */
export type Examined = {
  data: string | null;
  attemptsMade: number;
  /** Why BullMQ cannot take it, as the end of a sentence; null: it can. */
  fault: string | null;
};

/**
 * Jobs that never reach the pipeline: BullMQ throws while it takes them, and its stalled check returns them forever.
 * Workers look for them after an error and when a job stalls, and move them to the failed jobs.
 */
export class Quarantine {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #outcomes: Outcomes;
  readonly #move: BoundTo<typeof quarantineScript>;
  readonly #removeStray: BoundTo<typeof removeStrayScript>;
  readonly #sweeping = new Map<string, { again: boolean }>();

  constructor(parts: { redis: Redis; keys: Keys; outcomes: Outcomes; log: Logger }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#outcomes = parts.outcomes;
    this.#log = parts.log;
    this.#move = bindScript(parts.redis, parts.keys, quarantineScript);
    this.#removeStray = bindScript(parts.redis, parts.keys, removeStrayScript);
  }

  /** Called with each error of a queue's BullMQ worker: it may have met a job that it cannot read. */
  met(queue: string, error: unknown): void {
    if (!isReadingFault(error)) return;
    const running = this.#sweeping.get(queue);
    if (running !== undefined) {
      running.again = true;
      return;
    }
    const sweep = { again: false };
    this.#sweeping.set(queue, sweep);
    this.#sweep(queue)
      .catch((failure: unknown) => this.#log.warn({ err: failure, queue }, 'quarantine failed'))
      .finally(() => {
        this.#sweeping.delete(queue);
        if (sweep.again) this.met(queue, error);
      });
  }

  /** Called with each job that stalled: its worker was lost, or could not read it. */
  async look(queue: string, id: string): Promise<void> {
    if (await this.removed(queue, id)) return;
    await this.take(queue, id, await this.examine(queue, id));
  }

  /**
   * Removes an id that is the name of one of BullMQ's keys, and leaves the key alone. It is not a job: where its hash
   * should be there is a list of the queue, its settings, or another job's lock. So there is nothing to keep, and
   * nobody to tell.
   * @returns false: the id is that of a job
   */
  async removed(queue: string, id: string): Promise<boolean> {
    if (!isBullKey(id)) return false;
    if (await this.#removeStray([queue, id], { id })) {
      this.#log.error(
        { queue, id },
        "a job's id was the name of one of BullMQ's keys: the id was removed, the key was not",
      );
    }
    return true;
  }

  /** Reads a job as BullMQ does. */
  async examine(queue: string, id: string): Promise<Examined> {
    try {
      const names = ['data', 'opts', 'progress', 'parent', 'atm', 'stc'];
      const fields = await this.#redis.hmget(this.#keys.bull(queue).job(id), ...names);
      const [data = null, opts, progress, parent, attemptsMade, stalls] = fields;
      const lost = Number(stalls ?? 0);
      const fault =
        faultOf('data', data) ??
        faultOf('opts', opts) ??
        faultOf('progress', progress) ??
        faultOf('parent', parent) ??
        // Something keeps it from the pipeline, which would have ended it.
        (lost > mostStalls + 1 ? `its worker was lost ${lost} times` : null);
      return { data, attemptsMade: Number(attemptsMade ?? 0), fault };
    } catch (error) {
      if (!isWrongType(error)) throw error;
      const kept = this.#keys.quarantined(queue, id);
      return { data: null, attemptsMade: 0, fault: `its key was not a hash, and is now ${kept}` };
    }
  }

  /** Moves a job that cannot be read to the failed jobs, and leaves any other alone. */
  async take(queue: string, id: string, { data, attemptsMade, fault }: Examined): Promise<void> {
    if (fault === null) return;
    const now = Date.now();
    const end = ended('poison', attemptsMade, now, unreadable(fault));
    const reason = failedReason(end.outcome.error!);
    if (!(await this.#move([queue, id], { id, now, reason, keptMs }))) return;
    this.#log.error({ queue, id }, reason);
    // After the move: until then, the worker that failed to read it may hold its lock, and nobody else can end it.
    const { addressee } = readEnvelopeText(data);
    await this.#outcomes.tell({ queue, id, token: 'quarantine' }, addressee, end);
  }

  async #sweep(queue: string): Promise<void> {
    for (const id of await this.#redis.lrange(this.#keys.bull(queue).active, 0, -1)) {
      await this.look(queue, id);
    }
  }
}

/** Whether BullMQ threw this because it cannot read a job. A lost connection throws other errors. */
function isReadingFault(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError || isWrongType(error);
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE');
}

function faultOf(field: string, text: string | null | undefined): string | null {
  // To BullMQ an empty field is a missing one.
  if (text == null || text === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return field === 'opts' && value === null ? 'its opts are null' : null;
  } catch {
    return field === 'data' ? 'it is not JSON' : `its ${field} are not JSON`;
  }
}
