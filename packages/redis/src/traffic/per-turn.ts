import type { Redis } from 'ioredis';
import { writeNow } from './cork.ts';

/** What one command may hold. Redis does nothing else meanwhile. */
export type MostTogether = {
  asks: number;
  /** More than this goes alone. */
  bytes: number;
};

type Waiting<Ask, Answer> = { ask: Ask; resolve: (answer: Answer) => void; reject: (error: unknown) => void };

/** Sends what is asked for in one turn of the event loop together, and writes it at once. */
export class PerTurn<Ask, Answer> {
  readonly #redis: Redis;
  readonly #most: MostTogether;
  readonly #sizeOf: (ask: Ask) => number;
  readonly #send: (asks: readonly Ask[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Ask, Answer>[] = [];

  /** @param parts `sizeOf`: bytes; `send`: the answers in the order of what was asked, or one error for all */
  constructor(parts: {
    redis: Redis;
    most: MostTogether;
    sizeOf: (ask: Ask) => number;
    send: (asks: readonly Ask[]) => Promise<readonly Answer[]>;
  }) {
    this.#redis = parts.redis;
    this.#most = parts.most;
    this.#sizeOf = parts.sizeOf;
    this.#send = parts.send;
  }

  /** @throws what `send` throws */
  async ask(ask: Ask): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ ask, resolve, reject });
    return await promise;
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let some: Waiting<Ask, Answer>[] = [];
    let bytes = 0;
    for (const one of waiting) {
      const size = this.#sizeOf(one.ask);
      if (some.length === this.#most.asks || (some.length > 0 && bytes + size > this.#most.bytes)) {
        void this.#sendSome(some);
        some = [];
        bytes = 0;
      }
      some.push(one);
      bytes += size;
    }
    void this.#sendSome(some);
    writeNow(this.#redis);
  }

  async #sendSome(some: readonly Waiting<Ask, Answer>[]): Promise<void> {
    try {
      const answers = await this.#send(some.map(({ ask }) => ask));
      for (const [index, { resolve }] of some.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of some) reject(error);
    }
  }
}
