import { abortReasons } from '../job/verdict.ts';

type Run = { token: string; controller: AbortController; isEnding: boolean };

/** A run in flight, until it is disposed of. */
export type RunInFlight = Disposable & {
  readonly signal: AbortSignal;
  /** To be called when its end is on the way to Redis, and takes a lock back itself that ran out; or no longer is. */
  ending(isEnding: boolean): void;
};

type Reason = (typeof abortReasons)[keyof typeof abortReasons];

/** The runs of a queue that are in flight, and the way to abort them. BullMQ's own list forgets them when it closes. */
export class RunsInFlight {
  readonly #runs = new Map<string, Run>();
  /** A job that this process lost and took again is counted twice for a moment. */
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  /** The ids of the jobs, and the tokens of the locks that must be kept. */
  tokens(): [id: string, token: string][] {
    return Array.from(this.#runs).flatMap(([id, { token, isEnding }]) => (isEnding ? [] : [[id, token]]));
  }

  /** Adds a run, until it is disposed of. */
  begin(id: string, token: string): RunInFlight {
    // An older run of the job has lost its lock, or there would be no second one.
    this.abort(id, abortReasons.lockLost);
    const controller = new AbortController();
    const run: Run = { token, controller, isEnding: false };
    this.#runs.set(id, run);
    this.#count += 1;
    return {
      signal: controller.signal,
      ending: (isEnding) => {
        run.isEnding = isEnding;
      },
      [Symbol.dispose]: () => {
        if (this.#runs.get(id)?.controller === controller) this.#runs.delete(id);
        this.#count -= 1;
        if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
      },
    };
  }

  /** Resolves when no run is left. */
  async ended(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** @returns whether there was a run to abort */
  abort(id: string, reason: Reason): boolean {
    const controller = this.#runs.get(id)?.controller;
    if (controller === undefined || controller.signal.aborted) return false;
    controller.abort(reason);
    return true;
  }

  abortAll(reason: Reason): void {
    for (const { controller } of this.#runs.values()) controller.abort(reason);
  }
}
