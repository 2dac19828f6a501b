import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { queueNameSchema, validate } from '@sluice/shared';

/** How many queues stay open: each takes some 7 KB, and three listeners. Opening one costs no command. */
const mostOpen = 100;

/** The BullMQ queues that one client used last, on one connection. */
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
        // The connection may be down: the next command waits or fails, as `whenDown` says.
        skipWaitingForReady: true,
        // It would leave a key for every name that was ever asked for. The policy's script writes what we need.
        skipMetasUpdate: true,
      });
      // Without a listener a lost connection would be an uncaught exception; the client reconnects by itself.
      queue.on('error', () => {});
    }
    // Moves it to the end: the order is by last use.
    this.#open.delete(name);
    this.#open.set(name, queue);
    if (this.#open.size > mostOpen) this.#forgetOldest();
    return queue;
  }

  /** The connection is shared, so calls on the queue go on. */
  #forgetOldest(): void {
    const [[name, queue] = []] = this.#open;
    if (name === undefined) return;
    this.#open.delete(name);
    queue?.close().catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
