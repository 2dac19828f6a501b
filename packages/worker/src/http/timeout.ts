/** Why an attempt was cut off from inside. */
export class AttemptTimeout extends Error {
  override readonly name = 'AttemptTimeout';
  constructor(ms: number) {
    super(`no complete response within ${ms} ms`);
  }
}

/**
 * The one timer of an attempt: over DNS, connect, TLS, headers, body and redirects. Waiting for a redirect hop's
 * permit is in it; waiting for the first permit is not. The job's own signal (shutdown, cancel, lost lock) ends the
 * attempt, too.
 *
 * undici's signal alone does not settle a request while it connects or is answered with endless 1xx, so the work is
 * raced against the abort.
 */
export class AttemptTimer {
  readonly #controller = new AbortController();
  readonly #job: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #onJobAbort: () => void;

  constructor(ms: number, job: AbortSignal) {
    this.#job = job;
    this.#onJobAbort = () => this.#controller.abort(job.reason);
    this.#timer = setTimeout(() => this.#controller.abort(new AttemptTimeout(ms)), ms);
    if (job.aborted) this.#onJobAbort();
    else job.addEventListener('abort', this.#onJobAbort, { once: true });
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
