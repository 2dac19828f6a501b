/** Why an attempt was cut off from inside. */
export class AttemptTimeout extends Error {
  override readonly name = 'AttemptTimeout';
  constructor(ms: number) {
    super(`no complete response within ${ms} ms`);
  }
}

type Cancel = (reason: unknown) => void;

/**
 * The one timer of an attempt. It runs while a piece of work is under way that is the attempt's: connecting (DNS, TCP,
 * TLS), a request and its response up to the last byte, a redirect hop's wait for its start. Between these, while Redis
 * is waited for, it stands still. The job's own signal (shutdown, cancel, lost lock) ends the attempt, too.
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
      // Only once: what is said of this work later must not stop the timer of the next.
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
