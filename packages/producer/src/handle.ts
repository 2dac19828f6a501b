import { type Settled, SluiceError } from '@sluice/shared';
import type { CancelResult, JobStatus, Jobs } from './jobs.ts';
import { type FetchResponse, responseOf } from './response.ts';

export interface WaitOptions {
  /** Stops waiting, and cancels the job. */
  signal?: AbortSignal | undefined;
  /** The job goes on when the waiting stops. */
  keep?: boolean | undefined;
}

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

  /** Where the job is now. */
  async status(): Promise<JobStatus> {
    return await this.#jobs.status(this.queue, this.id);
  }

  /** Ends the job wherever it is; its `result()` then throws SLUICE_CANCELLED. Cancelling again does nothing. */
  async cancel(): Promise<CancelResult> {
    return await this.#jobs.cancel(this.queue, this.id);
  }

  /**
   * Waits for the response.
   * @throws JobError when the job ended without one; SluiceError SLUICE_WAIT_ABORTED, SLUICE_CLOSED,
   *   SLUICE_RESULT_EXPIRED (there is no such job, or its outcome is no longer kept)
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
      reject(new SluiceError('SLUICE_WAIT_ABORTED', message, { cause: signal.reason }));
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
