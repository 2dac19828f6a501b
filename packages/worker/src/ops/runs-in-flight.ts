/** Counts the runs of a queue that are in flight. */
export class RunsInFlight {
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  /** One more, until it is disposed of. */
  begin(): Disposable {
    this.#count += 1;
    return {
      [Symbol.dispose]: () => {
        this.#count -= 1;
        if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
      },
    };
  }

  /** Resolves when there is none. */
  async ended(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
