import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Keys,
  type WorkerRecord,
  announceScript,
  departScript,
  encodeWorkerRecord,
  workerBeatMs,
} from '@sluice/shared';
import type { Logger } from '../logger.ts';
import { Repeating } from './repeating.ts';

/** What this version can do that older workers cannot. Producers and operators look for these names. */
const honours: readonly string[] = [];

/**
 * Tells the fleet that this worker is alive: at its start and every 5 s, in one call, however many queues it serves.
 * Whoever waits for a job can then say that nobody is there to take it. Nothing else rests on it.
 */
export class Announcement {
  readonly #about: Omit<WorkerRecord, 'since' | 'honours'>;
  readonly #now: () => number;
  readonly #takesJobs: () => boolean;
  readonly #log: Logger;
  readonly #announce: BoundTo<typeof announceScript>;
  readonly #depart: BoundTo<typeof departScript>;
  readonly #repeating: Repeating;
  #json = '';

  /** @param parts `now`: epoch ms of Redis' clock; `takesJobs`: while it does not, the worker says nothing */
  constructor(parts: {
    redis: Redis;
    keys: Keys;
    about: Omit<WorkerRecord, 'since' | 'honours'>;
    now: () => number;
    takesJobs: () => boolean;
    log: Logger;
  }) {
    this.#about = parts.about;
    this.#now = parts.now;
    this.#takesJobs = parts.takesJobs;
    this.#log = parts.log;
    this.#announce = bindScript(parts.redis, parts.keys, announceScript);
    this.#depart = bindScript(parts.redis, parts.keys, departScript);
    this.#repeating = new Repeating(
      workerBeatMs,
      () => this.#beat(),
      (error) => this.#failed(error),
    );
  }

  /** Resolves when it was announced, or could not be. */
  async start(): Promise<void> {
    this.#json = encodeWorkerRecord({ ...this.#about, honours: [...honours], since: this.#now() });
    await this.#beat().catch((error: unknown) => this.#failed(error));
    this.#repeating.start();
  }

  /** Takes the record away. While Redis is away, it expires by itself. */
  async stop(): Promise<void> {
    await this.#repeating.stop();
    const { id } = this.#about;
    if (this.#json !== '') await this.#depart([id], { id }).catch(() => {});
  }

  async #beat(): Promise<void> {
    const { id } = this.#about;
    if (this.#takesJobs()) await this.#announce([id], { id, json: this.#json });
  }

  #failed(error: unknown): void {
    this.#log.debug({ err: error }, 'cannot announce this worker');
  }
}
