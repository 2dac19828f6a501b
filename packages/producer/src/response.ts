import { Readable } from 'node:stream';
import { type ErrorCode, type Outcome, SluiceError, type Settled, type StoredBody } from '@sluice/shared';
import type { OpenBody } from './stored-bodies.ts';

/**
 * A response, as if the caller had fetched it itself. The body is already here, so nothing is async. Only a large body
 * that the workers put into the body store is read as a stream (then `stored` is set).
 */
export class FetchResponse {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  readonly headers: Headers;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Attempts made, the last included. */
  readonly attempts: number;
  /** The transform that made the body, and its content type; absent: the body is the upstream's. */
  readonly transformed: Outcome['transformed'];
  /** Where the body is, when it is not here: read it with `stream()`. */
  readonly stored: StoredBody | undefined;
  readonly #body: Uint8Array;
  readonly #open: OpenBody;

  constructor(settled: Settled, open: OpenBody) {
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
    this.stored = settled.outcome.stored;
    this.#body = settled.body;
    this.#open = open;
  }

  /**
   * The body as it came, after decompression; or what the job's transform made of it.
   * @throws SluiceError SLUICE_BODY_STORED when it is in the body store, as do `text`, `json` and `value`
   */
  bytes(): Uint8Array {
    if (this.stored === undefined) return this.#body;
    throw new SluiceError(
      'SLUICE_BODY_STORED',
      `the body (${this.stored.bytes} bytes) is in the body store; read it with: await response.stream()`,
    );
  }

  /**
   * The body as a stream of bytes, whether it is here or in the body store.
   * @throws SluiceError SLUICE_BODY_STORE when it is not there (any more), or `connect` names no store
   */
  async stream(): Promise<Readable> {
    if (this.stored !== undefined) return await this.#open(this.stored);
    return Readable.from(this.#body.length === 0 ? [] : [this.#body], { objectMode: false });
  }

  /** The body as UTF-8 text. */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  /** The body parsed as JSON. The caller vouches for the type. @throws SyntaxError when it is not JSON */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows what it asked for
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /**
   * What the job's transform returned: a JSON value, a text, or bytes. Without a transform, the same as `json()`.
   * The caller vouches for the type.
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

  constructor(code: ErrorCode, message: string, settled: Settled, open: OpenBody) {
    super(code, message);
    this.outcome = settled.outcome;
    this.response = settled.outcome.response === undefined ? undefined : new FetchResponse(settled, open);
  }
}

/** The response of a settled job. @throws JobError when it ended without one */
export function responseOf(settled: Settled, open: OpenBody): FetchResponse {
  const { outcome } = settled;
  if (outcome.kind === 'response') return new FetchResponse(settled, open);
  throw new JobError(
    outcome.error?.code ?? 'SLUICE_INTERNAL',
    outcome.error?.message ?? `the job ended as ${outcome.kind}`,
    settled,
    open,
  );
}
