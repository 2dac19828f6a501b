import type { Redis } from 'ioredis';

/** Tells the waiters of this process when it is their turn. One subscription, opened by the first that waits. */
export class Turns {
  readonly #channel: string;
  readonly #open: () => Promise<Redis>;
  readonly #waiters = new Map<string, () => void>();
  #subscriber: Promise<Redis> | undefined;
  #client: Redis | undefined;
  #heard = false;
  #closed = false;

  /** @param open opens a connection of its own: it subscribes */
  constructor(channel: string, open: () => Promise<Redis>) {
    this.#channel = channel;
    this.#open = open;
  }

  /** Resolves when the token is called. Call this before you ask for a place, or a call could be missed. */
  next(token: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.set(token, resolve);
    return promise;
  }

  /** The token no longer waits. */
  forget(token: string): void {
    this.#waiters.delete(token);
  }

  /** Makes sure that calls are heard. @returns false when they were not until now: one may have been missed */
  async listening(): Promise<boolean> {
    if (this.#heard) return true;
    this.#subscriber ??= this.#subscribe();
    try {
      await this.#subscriber;
    } catch (error) {
      this.#subscriber = undefined;
      throw error;
    }
    this.#heard = true;
    return false;
  }

  async #subscribe(): Promise<Redis> {
    const subscriber = await this.#open();
    this.#client = subscriber;
    if (this.#closed) subscriber.disconnect();
    subscriber.on('message', (_channel: string, text: string) => {
      for (const token of text.split(' ').slice(1)) this.#waiters.get(token)?.();
    });
    try {
      await subscriber.subscribe(this.#channel);
    } catch (error) {
      // The next waiter opens another.
      subscriber.disconnect();
      throw error;
    }
    return subscriber;
  }

  /** Waits for nothing: Redis may be gone. */
  close(): void {
    this.#closed = true;
    this.#client?.disconnect();
  }
}
