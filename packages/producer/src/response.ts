import { type ErrorCode, type Outcome, SluiceError, type Settled } from '@sluice/shared';

/** A response, as if the caller had fetched it itself. The body is already here, so nothing is async. */
export class FetchResponse {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  readonly headers: Headers;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Tries made, the last included. */
  readonly attempts: number;
  /** The transform whose result is the body, and its content type; absent: the body is the upstream's. */
  readonly transformed: Outcome['transformed'];
  readonly #body: Uint8Array;

  constructor(settled: Settled) {
    const head = settled.outcome.response;
    if (head === undefined)
      throw new SluiceError('SLUICE_INTERNAL', 'an outcome without a response was read as one');
    this.status = head.status;
    this.ok = head.status >= 200 && head.status < 300;
    this.headers = new Headers();
    for (const [name, value] of Object.entries(head.headers)) {
      for (const line of Array.isArray(value) ? value : [value]) this.headers.append(name, line);
    }
    this.url = head.url;
    this.attempts = settled.outcome.attempts;
    this.transformed = settled.outcome.transformed;
    this.#body = settled.body;
  }

  /** The body as it came, after decompression; or what the job's transform made of it. */
  bytes(): Uint8Array {
    return this.#body;
  }

  /** The body as UTF-8 text. */
  text(): string {
    return new TextDecoder().decode(this.#body);
  }

  /** The body parsed as JSON. @throws SyntaxError when it is not JSON */
  json(): unknown {
    return JSON.parse(this.text());
  }

  /**
   * What the job's transform returned: a JSON value, a text, or bytes. Without a transform, the same as `json()`.
   * The type is the caller's word.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows what it registered
  value<T>(): T {
    const type = this.transformed?.contentType ?? 'application/json';
    if (type === 'application/octet-stream') return this.bytes() as T;
    return (type === 'application/json' ? this.json() : this.text()) as T;
  }
}

/** A job that ended without a usable response. `code` says why; `response` is the last one, where there was one. */
export class JobError extends SluiceError {
  override readonly name = 'JobError';
  readonly outcome: Outcome;
  readonly response: FetchResponse | undefined;

  constructor(code: ErrorCode, message: string, settled: Settled) {
    super(code, message);
    this.outcome = settled.outcome;
    this.response = settled.outcome.response === undefined ? undefined : new FetchResponse(settled);
  }
}

/** The response of a settled job. @throws JobError when it ended in any other way */
export function responseOf(settled: Settled): FetchResponse {
  const { outcome } = settled;
  if (outcome.kind === 'response') return new FetchResponse(settled);
  throw new JobError(
    outcome.error?.code ?? 'SLUICE_INTERNAL',
    outcome.error?.message ?? `the job ended as ${outcome.kind}`,
    settled,
  );
}
