/** Why an attempt was cut off from inside. */
export class AttemptTimeout extends Error {
  override readonly name = 'AttemptTimeout';
  constructor(ms: number) {
    super(`no complete response within ${ms} ms`);
  }
}

/**
 * The one timer of an attempt: over DNS, connect, TLS, headers, body and redirects. It stands still while the first
 * permit is waited for (`pause`); waiting for a redirect hop's permit is in it. The job's own signal (shutdown,
 * cancel, lost lock) ends the attempt, too.
 *
 * undici's signal alone does not settle a request while it connects or is answered with endless 1xx, so the work is
 * raced against the abort.
 */
export class AttemptTimer {
  readonly #controller = new AbortController();
  readonly #job: AbortSignal;
  readonly #onJobAbort: () => void;
  readonly #timeoutMs: number;
  #leftMs: number;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, job: AbortSignal) {
    this.#timeoutMs = ms;
    this.#leftMs = ms;
    this.#job = job;
    this.#onJobAbort = () => this.#controller.abort(job.reason);
    if (job.aborted) this.#onJobAbort();
    else job.addEventListener('abort', this.#onJobAbort, { once: true });
    this.run();
  }

  run(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(
      () => this.#controller.abort(new AttemptTimeout(this.#timeoutMs)),
      Math.max(1, this.#leftMs),
    );
  }

  pause(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#startedAt;
  }

  /** ms that the attempt may still take, while the timer runs. */
  get leftMs(): number {
    return this.#leftMs - (performance.now() - this.#startedAt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The work's result, or the reason of the abort, whichever is first. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(this.signal.reason as Error);
    if (this.signal.aborted) abort();
    else this.signal.addEventListener('abort', abort, { once: true });
    work.catch(() => {}); // when the abort came first, nobody hears of it any more
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.signal.removeEventListener('abort', abort);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#job.removeEventListener('abort', this.#onJobAbort);
  }
}
