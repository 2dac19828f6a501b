/** Repeats a piece of work, with a pause after each run. A failure is reported, and does not end the repeating. */
export class Repeating {
  readonly #pauseMs: number;
  readonly #work: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(pauseMs: number, work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#pauseMs = pauseMs;
    this.#work = work;
    this.#failed = failed;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The first time is after a pause, too. Once stopped it does not start any more. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#work()
        .catch(this.#failed)
        .finally(() => this.start());
    }, this.#pauseMs);
  }

  /** Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
