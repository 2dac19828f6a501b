import type { LivePolicy } from '../job/live-policy.ts';
import { queueCaps } from './concurrency.ts';
import type { PolicyEvents } from './policy-reader.ts';
import { ServedQueue, type Shared } from './served-queue.ts';

/** The queues that a process serves, one BullMQ worker each, under its one concurrency. */
export class ServedQueues implements PolicyEvents {
  readonly #shared: Shared;
  readonly #queues = new Map<string, ServedQueue>();
  #isTaking = true;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  get(name: string): ServedQueue | undefined {
    return this.#queues.get(name);
  }

  all(): ServedQueue[] {
    return [...this.#queues.values()];
  }

  policies(): LivePolicy[] {
    return this.all().map(({ live }) => live);
  }

  /** Stops or resumes taking jobs, also in queues that are added later. */
  setTaking(isTaking: boolean): void {
    this.#isTaking = isTaking;
    for (const queue of this.#queues.values()) queue.setTaking(isTaking);
  }

  served(live: LivePolicy): void {
    this.#shared.log.info({ queue: live.name, version: live.version }, 'serving queue');
    const queue = new ServedQueue(live, this.#shared);
    this.#queues.set(live.name, queue);
    this.#share();
    if (!this.#isTaking) queue.setTaking(false);
  }

  changed({ name, version }: LivePolicy): void {
    this.#shared.log.info({ queue: name, version }, 'policy changed');
    this.#queues.get(name)!.policyChanged();
    this.#share();
  }

  removed({ name }: LivePolicy): void {
    const { log } = this.#shared;
    log.info({ queue: name }, 'queue removed');
    const queue = this.#queues.get(name)!;
    this.#queues.delete(name);
    this.#share();
    queue.cancelAll();
    queue.close().catch((error: unknown) => log.warn({ err: error, queue: name }, 'closing failed'));
  }

  #share(): void {
    for (const [name, jobs] of queueCaps(this.policies(), this.#shared.config.concurrency))
      this.#queues.get(name)!.setConcurrency(jobs);
  }
}
