/** Why an attempt was cut off from inside. */
export class AttemptTimeout extends Error {
  override readonly name = 'AttemptTimeout';
  constructor(ms: number) {
    super(`no complete response within ${ms} ms`);
  }
}

type Cancel = (reason: unknown) => void;

/**
 * The one timer of an attempt: over DNS, connect, TLS, headers, body and redirects. It stands still while the first
 * permit is waited for (`pause`); waiting for a redirect hop's permit is in it. The job's own signal (shutdown,
 * cancel, lost lock) ends the attempt, too.
 *
 * One piece of work at a time; it ends with the abort, also when it heeds no signal: undici's requests do not settle
 * while they connect, or while endless 1xx come.
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

  /** It starts with the first work, or with `run`. */
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

  /** Made when it is asked for: most attempts need none. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /**
   * The work's result, or the reason of the abort, whichever is first.
   * @param start begins the work, and returns how to stop it
   */
  work<T>(start: (resolve: (value: T) => void, reject: Cancel) => Cancel): Promise<T> {
    return new Promise((resolve, reject: Cancel) => {
      if (this.#aborted !== undefined) {
        reject(this.#aborted.reason);
        return;
      }
      this.run();
      const stop = start(resolve, reject);
      this.#cancel = (reason) => {
        reject(reason);
        stop(reason);
      };
    });
  }

  /** The same for work that cannot be stopped: it is left behind. */
  race<T>(work: Promise<T>): Promise<T> {
    if (this.aborted) work.catch(() => {}); // nobody hears of it any more
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
