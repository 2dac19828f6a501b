import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Settled } from '@sluice/shared';
import { bounded, waitAborted } from './bounded.ts';
import { responseOf } from './job-error.ts';
import type { Explanation } from './explain/explanation.ts';
import type { CancelResult, JobStatus, Jobs } from './jobs.ts';
import { type JobName, nameOf, requestLine } from './request-line.ts';
import type { FetchResponse } from './response.ts';
import type { Parsed } from './schema.ts';

export interface WaitOptions {
  /** Stops the waiting when it aborts. The job goes on, unless `cancel` says otherwise. Default: none. */
  signal?: AbortSignal | undefined;
  /** Whether the job is cancelled when the waiting stops. Default: false; true for `fetch`. */
  cancel?: boolean | undefined;
  /** @deprecated `cancel: false` */
  keep?: boolean | undefined;
}

export interface ResultOptions<S extends StandardSchemaV1 | undefined = undefined> extends WaitOptions {
  /**
   * Checks the JSON of a 2xx response and gives `json()` its value and type: a zod, valibot or arktype schema, or any other
   * Standard Schema. Default: none.
   */
  schema?: S;
}

/** A job that was accepted: what `create_task` gives in asyncio. */
export class Handle {
  readonly id: string;
  readonly queue: string;
  /** The job had been enqueued before, under the same `id`, `idempotencyKey` or `enqueueKey`, or was looked up by its id. */
  readonly existed: boolean;
  readonly #jobs: Jobs;
  readonly #settled: (signal?: AbortSignal) => Promise<Settled>;
  readonly #request: Pick<JobName, 'method' | 'url'> | undefined;

  /**
   * @param settled resolves with the outcome; called when somebody awaits it. The signal ends that wait
   * @param known `request` undefined: another process may have enqueued the job
   */
  constructor(
    queue: string,
    id: string,
    jobs: Jobs,
    settled: (signal?: AbortSignal) => Promise<Settled>,
    known: { request?: Pick<JobName, 'method' | 'url'>; existed: boolean },
  ) {
    this.queue = queue;
    this.id = id;
    this.#jobs = jobs;
    this.#settled = settled;
    this.#request = known.request;
    this.existed = known.existed;
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
   * Takes the job back if nothing of it was sent: it waits, and no attempt was made. Otherwise it goes on (`cancelling`).
   * @param options `signal`: ends the wait for Redis, with SLUICE_WAIT_ABORTED
   */
  async withdraw({ signal }: { signal?: AbortSignal } = {}): Promise<CancelResult> {
    return await bounded(this.#jobs.withdraw(this.queue, this.id, true), { signal });
  }

  /**
   * Waits for the response: until `signal` aborts, and a job with a deadline until a few seconds after it, also while
   * Redis is away.
   * @throws JobError when the job ended without one; SchemaError; SluiceError SLUICE_WAIT_ABORTED, SLUICE_CLOSED,
   *   SLUICE_REDIS_UNREACHABLE, SLUICE_RESULT_EXPIRED (there is no such job, or its outcome is no longer kept)
   */
  async result<S extends StandardSchemaV1 | undefined = undefined>(
    options: ResultOptions<S> = {},
  ): Promise<FetchResponse<Parsed<S>>> {
    const settled = await this.outcome(options);
    const open = this.#jobs.bodies.opener;
    // A job that failed is kept for a while, with its request.
    const isKnown = this.#request !== undefined || settled.outcome.kind === 'response';
    const request = isKnown ? this.#request : await this.#jobs.requestOf(this.queue, this.id);
    const response = responseOf(settled, open, this.#name(request, settled));
    const { schema } = options;
    if (schema === undefined) return response;
    return (await response.check(schema)) as FetchResponse<Parsed<S>>;
  }

  /** Waits for the end, as data: a failed job does not throw. Otherwise throws as `result` does. */
  async outcome({ signal, cancel = false, keep = false }: WaitOptions = {}): Promise<Settled> {
    if (signal === undefined) return await this.#settled();
    const cancels = cancel && !keep;
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => {
      const line = this.#request === undefined ? '' : ` for ${requestLine(this.#request)}`;
      const end = cancels ? 'is cancelled' : 'goes on';
      const message = `stopped waiting${line}; job ${this.id} in queue "${this.queue}" ${end}`;
      reject(waitAborted(signal, message));
      if (cancels) this.cancel().catch(() => {});
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([this.#settled(signal), promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** The job as messages name it. @internal */
  name(settled: Settled): JobName {
    return this.#name(this.#request, settled);
  }

  #name(request: Pick<JobName, 'method' | 'url'> | undefined, settled: Settled): JobName {
    return nameOf({ id: this.id, queue: this.queue, ...request }, settled);
  }
}
