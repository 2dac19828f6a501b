/** Why an attempt was cut off from inside. */
export class AttemptTimeout extends Error {
  override readonly name = 'AttemptTimeout';
  constructor(ms: number) {
    super(`no complete response within ${ms} ms`);
  }
}

type Cancel = (reason: unknown) => void;

/**
 * The one timer of an attempt. It runs while work of the attempt is under way: connecting (DNS, TCP, TLS), a request
 * and its response up to the last byte, a redirect hop's wait for its start. Between these, while the attempt waits for
 * Redis, the timer is stopped. The job's own signal (shutdown, cancel, lost lock) ends the attempt, too.
 *
 * One piece of work at a time. It ends with the abort even if it ignores signals: undici's requests do not settle while
 * they connect, or while endless 1xx come.
 */
export class AttemptTimer {
  readonly #job: AbortSignal;
  readonly #timeoutMs: number;
  readonly #onJobAbort = () => this.#abort(this.#job.reason);
  #leftMs: number;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Ends the work under way. */
  #cancel: Cancel | undefined;
  #aborted: { reason: unknown } | undefined;
  #controller: AbortController | undefined;

  constructor(ms: number, job: AbortSignal) {
    this.#timeoutMs = ms;
    this.#leftMs = ms;
    this.#job = job;
    if (job.aborted) this.#onJobAbort();
    else job.addEventListener('abort', this.#onJobAbort, { once: true });
  }

  run(): void {
    if (this.#timer !== undefined) return;
    this.#startedAt = performance.now();
    this.#timer = setTimeout(
      () => this.#abort(new AttemptTimeout(this.#timeoutMs)),
      Math.max(1, this.#leftMs),
    );
  }

  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs -= performance.now() - this.#startedAt;
  }

  /** ms that the attempt may still take. */
  get leftMs(): number {
    return this.#timer === undefined ? this.#leftMs : this.#leftMs - (performance.now() - this.#startedAt);
  }

  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /** Created on first use: most attempts need none. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /**
   * The work's result, or the reason of the abort, whichever comes first.
   * @param start begins the work, and returns how to stop it
   */
  work<T>(start: (resolve: (value: T) => void, reject: Cancel) => Cancel): Promise<T> {
    return new Promise((resolve, reject: Cancel) => {
      if (this.#aborted !== undefined) {
        reject(this.#aborted.reason);
        return;
      }
      // Only once: what this work reports later must not stop the timer of the next.
      let isOver = false;
      const end = () => {
        if (isOver) return;
        isOver = true;
        this.#cancel = undefined;
        this.pause();
      };
      this.run();
      const fail = (reason: unknown) => {
        end();
        reject(reason);
      };
      const stop = start((value) => {
        end();
        resolve(value);
      }, fail);
      if (isOver) return;
      this.#cancel = (reason) => {
        fail(reason);
        stop(reason);
      };
    });
  }

  /** The same for work that cannot be stopped: an abort leaves it running. */
  race<T>(work: Promise<T>): Promise<T> {
    if (this.aborted) work.catch(() => {}); // nobody handles its failure any more
    return this.work<T>((resolve, reject) => {
      work.then(resolve, reject);
      return reject;
    });
  }

  #abort(reason: unknown): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
    this.#cancel?.(reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#cancel = undefined;
    this.#job.removeEventListener('abort', this.#onJobAbort);
  }
}
