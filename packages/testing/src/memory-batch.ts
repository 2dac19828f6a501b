import type { Settled } from '@sluice/shared';
import type { Batch, BatchItem, BatchProgress, ResultsOptions } from '@sluice/producer';
import { type Handle, endOf, withEnd } from '@sluice/producer/for-testing';
import { partial } from './unsupported.ts';

/** A batch in memory. */
export class MemoryBatch {
  readonly #ended: { id: string; index: number; settled: Settled }[] = [];
  #total = 0;
  #isSealed = false;
  #changed = Promise.withResolvers<void>();

  get isSealed(): boolean {
    return this.#isSealed;
  }

  added(): void {
    this.#total += 1;
  }

  ended(id: string, index: number, settled: Settled): void {
    this.#ended.push({ id, index, settled });
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #progress(): BatchProgress {
    const failed = this.#ended.filter(({ settled }) => settled.outcome.kind !== 'response').length;
    return { total: this.#total, ended: this.#ended.length, failed, sealed: this.#isSealed };
  }

  async *#results(
    nameOf: (id: string, settled: Settled) => ReturnType<Handle['name']>,
    cursor: string,
    follow: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<BatchItem, void, undefined> {
    for (let at = Number.parseInt(cursor, 10); ; at++) {
      while (at >= this.#ended.length) {
        const isComplete = this.#isSealed && this.#ended.length >= this.#total;
        if (!follow || isComplete || signal?.aborted === true) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        const stop = () => resolve();
        signal?.addEventListener('abort', stop, { once: true });
        await Promise.race([this.#changed.promise, promise]);
        signal?.removeEventListener('abort', stop);
      }
      const { id, index, settled } = this.#ended[at]!;
      const { outcome, body } = settled;
      const item = { cursor: `${at + 1}-0`, id, index, outcome, body };
      yield withEnd(item, () => endOf(settled, noStore, nameOf(id, settled)));
    }
  }

  #read(
    nameOf: (id: string, settled: Settled) => ReturnType<Handle['name']>,
    { cursor = '0-0', follow = true, signal }: ResultsOptions = {},
  ): AsyncGenerator<BatchItem, void, undefined> {
    return this.#results(nameOf, cursor, follow, signal);
  }

  /** It, as the client gives it. */
  as(name: string, nameOf: (id: string, settled: Settled) => ReturnType<Handle['name']>): Batch {
    return partial<Batch>('batch', {
      name,
      progress: async () => this.#progress(),
      results: (options) => this.#read(nameOf, options),
      seal: async () => {
        this.#isSealed = true;
        this.#wake();
      },
    });
  }
}

const noStore = () => {
  throw new Error('no body is ever stored');
};
