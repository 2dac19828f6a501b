/** Repeats a piece of work, with a pause after each run. A failure is reported, and the repeating goes on. */
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

  /** The first run comes after a pause, too. Does nothing once stopped. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#work()
        .catch(this.#failed)
        .finally(() => this.start());
    }, this.#pauseMs);
  }

  /** Resolves when the run under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
