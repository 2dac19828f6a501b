/** How long BullMQ's own calls to Redis may take after the last run, ms: a drain ends even while Redis is away. */
const closingMs = 800;

/** What a drain needs of a queue that is being served. */
type Draining = {
  /** Runs in flight. */
  readonly runs: number;
  close(): Promise<void>;
  /** Resolves when no run is in flight. */
  idle(): Promise<void>;
  giveBackAll(): void;
};

/** Lets runs in flight finish within a grace, and gives the rest back. */
export class Drain {
  readonly #queues: readonly Draining[];
  readonly #givenUp = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #isHurried = false;

  constructor(queues: readonly Draining[]) {
    this.#queues = queues;
  }

  /**
   * Takes no more jobs from now on.
   * @param others what else must end before the connection to Redis closes
   * @returns false when Redis did not answer in time, and jobs are left to the stalled check of other workers
   */
  async run(graceMs: number, others: Promise<unknown>): Promise<boolean> {
    const closed = Promise.all([others, ...this.#queues.map((queue) => queue.close())]);
    this.#timer = setTimeout(() => this.hurry(), graceMs);
    Promise.all(this.#queues.map((queue) => queue.idle())).then(
      () => this.#close(),
      () => {},
    );
    await Promise.race([closed, this.#givenUp.promise]);
    clearTimeout(this.#timer);
    // Jobs that ended without BullMQ knowing run again, find their outcome, and send nothing.
    return this.#queues.every((queue) => queue.runs === 0);
  }

  /** Gives the jobs in flight back now. */
  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    for (const queue of this.#queues) queue.giveBackAll();
    this.#close();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#givenUp.resolve(), closingMs);
  }
}
