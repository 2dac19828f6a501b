import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Outcome, SluiceError, type Settled, type StoredBody, excerpt } from '@sluice/shared';
import { endToEnd } from './headers.ts';
import { type JobName, requestLine } from './request-line.ts';
import { parsedBy } from './schema.ts';
import type { OpenBody } from './stored-bodies.ts';

/** What a schema made of the body; null: the status is not 2xx, and the body was not looked at. */
type Checked = { value: unknown } | null;

/**
 * A response, as if the caller had fetched it itself. The body is already here, so nothing is async. Only a large body
 * that the workers put into the body store is read as a stream (then `stored` is set).
 */
export class FetchResponse<T = unknown> {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  /** Without those of the upstream's connection, such as `transfer-encoding`. */
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
  readonly #line: string;
  #checked: Checked | undefined;

  constructor(settled: Settled, open: OpenBody, job: JobName) {
    const head = settled.outcome.response;
    if (head === undefined)
      throw new SluiceError('SLUICE_INTERNAL', 'an outcome without a response was read as one');
    this.status = head.status;
    this.ok = head.status >= 200 && head.status < 300;
    this.headers = endToEnd(head.headers, settled.outcome.transformed !== undefined);
    this.url = head.url;
    this.attempts = settled.outcome.attempts;
    this.transformed = settled.outcome.transformed;
    this.stored = settled.outcome.stored;
    this.#body = settled.body;
    this.#open = open;
    this.#line = requestLine(job);
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

  /**
   * The body parsed as JSON; after a `schema`, what the schema made of it. Without a schema the caller vouches for the type.
   * @throws SyntaxError when it is not JSON; StatusError after a `schema`, when the status is not 2xx
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows what it asked for
  json<J = T>(): J {
    if (this.#checked === null) throw this.statusError();
    return (this.#checked === undefined ? this.#parsed(this.text()) : this.#checked.value) as J;
  }

  /**
   * What the job's transform returned: a JSON value, a text, or bytes. Without a transform, the same as `json()`.
   * The caller vouches for the type.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows what it registered
  value<V>(): V {
    const type = this.transformed?.contentType ?? 'application/json';
    if (type === 'application/octet-stream') return this.bytes() as V;
    return (type === 'application/json' ? this.json() : this.text()) as V;
  }

  /**
   * The JSON of the whole body, also of one in the body store; null for an empty one.
   * @internal
   */
  async whole(): Promise<unknown> {
    if (this.transformed !== undefined) return this.value();
    const body = this.stored === undefined ? this.text() : await text(await this.stream());
    return body === '' ? null : this.#parsed(body);
  }

  /**
   * Checks the JSON of a 2xx response. Anything else has another form: `json()` then throws.
   * @throws SchemaError
   * @internal
   */
  async check<S extends StandardSchemaV1>(
    schema: S,
  ): Promise<FetchResponse<StandardSchemaV1.InferOutput<S>>> {
    if (this.ok) {
      const value = await parsedBy(schema, await this.whole(), `the JSON of ${this.#line}`);
      this.#checked = { value };
    } else this.#checked = null;
    return this;
  }

  /** @internal */
  statusError(): StatusError {
    const start = this.stored === undefined ? excerpt(this.text()) : `${this.stored.bytes} bytes`;
    return new StatusError(`${this.#line} answered ${this.status}: ${start}`, this);
  }

  #parsed(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch (cause) {
      const start = body === '' ? 'it is empty' : `it begins "${excerpt(body)}"`;
      throw new SyntaxError(`the body of ${this.#line} (status ${this.status}) is not JSON: ${start}`, {
        cause,
      });
    }
  }
}

/** An API answered with a status that is not 2xx, where its JSON was asked for. */
export class StatusError extends SluiceError {
  override readonly name = 'StatusError';
  readonly response: FetchResponse;

  constructor(message: string, response: FetchResponse) {
    super('SLUICE_STATUS', message);
    this.response = response;
  }
}
