import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { queueNameSchema, validate } from '@sluice/shared';

/** The entries that BullMQ keeps of its event stream, which nothing here reads. */
const eventsKept = 100;

/** The BullMQ queues of one client, opened when first used, on one connection. */
export class OpenQueues {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #open = new Map<string, Queue>();

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** @throws SluiceError SLUICE_INVALID_SPEC for a name that no queue can have */
  get(name: string): Queue {
    let queue = this.#open.get(name);
    if (queue === undefined) {
      validate(queueNameSchema, name, 'SLUICE_INVALID_SPEC', `queue "${name}"`);
      queue = new Queue(name, {
        connection: this.#redis,
        prefix: this.#prefix,
        skipVersionCheck: true,
        // The connection may be down: the command that follows waits or fails, as the client was told.
        skipWaitingForReady: true,
        streams: { events: { maxLen: eventsKept } },
      });
      // Without a listener a lost connection would be an uncaught exception; the client reconnects by itself.
      queue.on('error', () => {});
      this.#open.set(name, queue);
    }
    return queue;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
