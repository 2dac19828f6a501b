import type { Settled } from '@sluice/shared';
import { bounded, waitAborted } from './bounded.ts';
import type { Explanation } from './explain/explanation.ts';
import type { CancelResult, JobStatus, Jobs } from './jobs.ts';
import { type FetchResponse, responseOf } from './response.ts';

export type WaitOptions = {
  /** Stops waiting, and cancels the job. */
  signal?: AbortSignal;
  /** The job goes on when the waiting stops. */
  keep?: boolean;
};

/** A job that was accepted: what `create_task` gives in asyncio. */
export class Handle {
  readonly id: string;
  readonly queue: string;
  readonly #jobs: Jobs;
  readonly #settled: () => Promise<Settled>;

  /** @param settled resolves with the outcome; called when somebody awaits it */
  constructor(queue: string, id: string, jobs: Jobs, settled: () => Promise<Settled>) {
    this.queue = queue;
    this.id = id;
    this.#jobs = jobs;
    this.#settled = settled;
  }

  /** Where the job is now. @param options `signal`: ends the wait for Redis, with SLUICE_WAIT_ABORTED */
  async status({ signal }: { signal?: AbortSignal } = {}): Promise<JobStatus> {
    return await bounded(this.#jobs.status(this.queue, this.id), { signal });
  }

  /**
   * Where the job is, what it waits for, and when it may start at the earliest, as far as Redis can tell: one short
   * script. For people who ask why a job does not run.
   * @param options `signal`: ends the wait for Redis, with SLUICE_WAIT_ABORTED
   */
  async explain({ signal }: { signal?: AbortSignal } = {}): Promise<Explanation> {
    return await bounded(this.#jobs.explain(this.queue, this.id), { signal });
  }

  /**
   * Ends the job wherever it is; its `result()` then throws SLUICE_CANCELLED. Cancelling again does nothing.
   * @param options `signal`: ends the wait for Redis, with SLUICE_WAIT_ABORTED; the job is cancelled when Redis is back
   */
  async cancel({ signal }: { signal?: AbortSignal } = {}): Promise<CancelResult> {
    return await bounded(this.#jobs.cancel(this.queue, this.id), { signal });
  }

  /**
   * Waits for the response: until `signal` aborts, and a job with a deadline until a few seconds after it, also while
   * Redis is away.
   * @throws JobError when the job ended without one; SluiceError SLUICE_WAIT_ABORTED, SLUICE_CLOSED,
   *   SLUICE_REDIS_UNREACHABLE, SLUICE_RESULT_EXPIRED (there is no such job, or its outcome is no longer kept)
   */
  async result(options: WaitOptions = {}): Promise<FetchResponse> {
    return responseOf(await this.outcome(options), (stored) => this.#jobs.bodies.open(stored));
  }

  /** Waits for the end, as data: a failed job does not throw. Otherwise throws as `result` does. */
  async outcome({ signal, keep = false }: WaitOptions = {}): Promise<Settled> {
    if (signal === undefined) return await this.#settled();
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => {
      const message = keep ? 'stopped waiting; the job goes on' : 'stopped waiting; the job is cancelled';
      reject(waitAborted(signal, message));
      if (!keep) this.cancel().catch(() => {});
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([this.#settled(), promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}
