import { type AttemptEnd, type Outcome, SluiceError, type Settled } from '@sluice/shared';
import { type JobName, requestLine } from './request-line.ts';
import { FetchResponse } from './response.ts';
import type { OpenBody } from './stored-bodies.ts';

/** Fields that are there, and not printed with the error: they may hold secrets, and whole pages. */
function hide(error: object, fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) {
    Object.defineProperty(error, name, { value, enumerable: false, writable: false, configurable: true });
  }
}

/** A job that ended without a usable response. `code` says why; `response` is the last one, where there was one. */
export class JobError extends SluiceError {
  override readonly name = 'JobError';
  readonly id: string;
  /** undefined for a job of a batch that a worker of 0.1 ended. */
  readonly queue: string | undefined;
  /** undefined where this process did not enqueue the job and can no longer look it up. */
  readonly method: string | undefined;
  /** Its query is hidden. undefined as `method` is. */
  readonly url: string | undefined;
  /** Attempts made, the last included; 0 when nothing was ever sent. */
  readonly attempts: number;
  /**
   * How its attempts ended, the last ten, the newest last. Empty when nothing was ever sent, or a worker of 0.1 ended the
   * job. Not printed with the error.
   */
  declare readonly ends: readonly AttemptEnd[];
  /** How the job ended, as data. Not printed with the error. */
  declare readonly outcome: Outcome;
  /** Not printed with the error. */
  declare readonly response: FetchResponse | undefined;

  constructor(settled: Settled, open: OpenBody, job: JobName) {
    const { outcome } = settled;
    const { code, message } = outcome.error ?? {
      code: 'SLUICE_INTERNAL',
      message: `the job ended as ${outcome.kind}`,
    };
    const line = requestLine(job);
    const times = `${outcome.attempts} ${outcome.attempts === 1 ? 'attempt' : 'attempts'}`;
    const place = job.queue === undefined ? `batch "${job.batch}"` : `queue "${job.queue}"`;
    const name = `job ${job.id} in ${place}, ${times}`;
    super(code, `${message}; ${line === '' ? '' : `${line}, `}${name}`);
    this.id = job.id;
    this.queue = job.queue;
    this.method = job.method;
    this.url = job.url;
    this.attempts = outcome.attempts;
    const response = outcome.response && new FetchResponse(settled, open, job);
    hide(this, { ends: outcome.ends ?? [], outcome, response });
  }
}

/** How a job ended: with the response that fetch gives, whatever its status, or the error that fetch throws. */
export type Ended =
  | { ok: true; response: FetchResponse; error: undefined }
  | { ok: false; response: undefined; error: JobError };

/** The end of a settled job. */
export function endOf(settled: Settled, open: OpenBody, job: JobName): Ended {
  if (settled.outcome.kind === 'response') {
    return { ok: true, response: new FetchResponse(settled, open, job), error: undefined };
  }
  return { ok: false, response: undefined, error: new JobError(settled, open, job) };
}

/** An item with the end of its job, which is made when somebody looks. */
export function withEnd<I extends object>(item: I, make: () => Ended): I & Ended {
  let made: Ended | undefined;
  const end = () => (made ??= make());
  const field = (name: keyof Ended) => ({ get: () => end()[name], enumerable: true, configurable: true });
  return Object.defineProperties(item, {
    ok: field('ok'),
    response: field('response'),
    error: field('error'),
  }) as I & Ended;
}

/** The response of a settled job. @throws JobError when it ended without one */
export function responseOf(settled: Settled, open: OpenBody, job: JobName): FetchResponse {
  const { error, response } = endOf(settled, open, job);
  if (error !== undefined) throw error;
  return response;
}
