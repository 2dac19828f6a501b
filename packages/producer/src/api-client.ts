import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type JobSpec,
  type HeaderFields,
  type PolicyInput,
  type RequestSpec,
  SluiceError,
  duration,
  parseDuration,
  timeSchema,
  validate,
} from '@sluice/shared';
import { bounded } from './bounded.ts';
import type { Sluice } from './client.ts';
import { connect } from './connect.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { WaitOptions } from './handle.ts';
import type { Parsed } from './schema.ts';

export type ApiClientOptions = {
  /** `https://api.example.com/v1`: paths are appended to it. */
  baseUrl: string;
  /** Requests per `per`, for the whole fleet. */
  rate: number;
  /** The window: a text such as `"60s"`, or a number of seconds, like `time_period` of aiolimiter's AsyncLimiter. */
  per: number | string;
  /** A client to share. Default: one of its own, on `redis`. */
  sluice?: Sluice;
  /** Default `redis://127.0.0.1:6379`. */
  redis?: ConnectOptions['redis'];
  /** Key prefix shared with the workers. Default `{sluice}`. */
  prefix?: string;
  /** Default: the host of `baseUrl`, so that all clients of one API share one queue. */
  queue?: string;
  /** Sent with every request. */
  headers?: HeaderFields;
  /** More of the queue's policy than its rate. */
  policy?: Omit<PolicyInput, 'rate'>;
};

export type RequestOptions<S extends StandardSchemaV1 | undefined = undefined> = Omit<
  RequestSpec,
  'method' | 'json'
> &
  WaitOptions & {
    /** Added to the query of the path; a name that is there already gets this value. */
    query?: Record<string, string | number | boolean>;
    /** Checks the JSON and gives it its type: a zod, valibot or arktype schema, or any other Standard Schema. */
    schema?: S;
  };

/** Headers laid over one another: of a name that is in several, the last counts. */
function merged(...all: (HeaderFields | undefined)[]): Record<string, string> {
  const fields = new Map<string, string>();
  for (const some of all) {
    if (some === undefined) continue;
    const pairs = Symbol.iterator in some ? (some as Iterable<[string, string]>) : Object.entries(some);
    for (const [name, value] of pairs) fields.set(name.toLowerCase(), value);
  }
  return Object.fromEntries(fields);
}

/**
 * One JSON API under one rate: `new ApiClient({ baseUrl, rate: 100, per: 60 })`, then `get(path)` -> parsed JSON.
 * Creates the policy of its queue if there is none. Close it with `await using` or `close()`.
 */
export class ApiClient {
  readonly #base: URL;
  readonly #options: ApiClientOptions;
  readonly #queue: string;
  #connected: Promise<Sluice> | undefined;
  #closed = false;

  /** @throws SluiceError SLUICE_INVALID_CONFIG */
  constructor(options: ApiClientOptions) {
    const base = URL.parse(options.baseUrl);
    if (base === null || !/^https?:$/.test(base.protocol)) {
      throw new SluiceError(
        'SLUICE_INVALID_CONFIG',
        `baseUrl "${options.baseUrl}" is not an http or https URL`,
      );
    }
    this.#base = base;
    this.#options = options;
    this.#queue = options.queue ?? base.host.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  }

  /**
   * @throws StatusError, JobError, SyntaxError when it is not JSON, SchemaError when it does not fit the schema
   */
  async get<S extends StandardSchemaV1 | undefined = undefined>(
    path: string,
    options?: RequestOptions<S>,
  ): Promise<Parsed<S>> {
    return await this.#request('GET', path, undefined, options);
  }

  async post<S extends StandardSchemaV1 | undefined = undefined>(
    path: string,
    json?: unknown,
    options?: RequestOptions<S>,
  ): Promise<Parsed<S>> {
    return await this.#request('POST', path, json, options);
  }

  async put<S extends StandardSchemaV1 | undefined = undefined>(
    path: string,
    json?: unknown,
    options?: RequestOptions<S>,
  ): Promise<Parsed<S>> {
    return await this.#request('PUT', path, json, options);
  }

  async patch<S extends StandardSchemaV1 | undefined = undefined>(
    path: string,
    json?: unknown,
    options?: RequestOptions<S>,
  ): Promise<Parsed<S>> {
    return await this.#request('PATCH', path, json, options);
  }

  async delete<S extends StandardSchemaV1 | undefined = undefined>(
    path: string,
    options?: RequestOptions<S>,
  ): Promise<Parsed<S>> {
    return await this.#request('DELETE', path, undefined, options);
  }

  /** Closes its connections; a client that is shared stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    // A failed connect has been reported to its caller.
    const sluice = await this.#connected?.catch(() => undefined);
    if (sluice !== this.#options.sluice) await sluice?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #request<S extends StandardSchemaV1 | undefined>(
    method: JobSpec['method'],
    path: string,
    json: unknown,
    { query, schema, headers, ...rest }: RequestOptions<S> = {},
  ): Promise<Parsed<S>> {
    const url = this.#url(path, query);
    const { signal } = rest;
    const sluice = await bounded(this.#open(), {
      signal,
      deadline: timeSchema.safeParse(rest.deadline).data,
    });
    const response = await sluice.fetch(url.href, {
      ...rest,
      ...(method === undefined ? {} : { method }),
      headers: merged([['accept', 'application/json']], this.#options.headers, headers),
      ...(json === undefined ? {} : { json: json as never }),
      queue: this.#queue,
      ...(schema !== undefined && { schema }),
    });
    if (!response.ok) throw response.statusError();
    return (schema === undefined ? await response.whole() : response.json()) as Parsed<S>;
  }

  /** The path is appended, not resolved against the base: even `//other.example/` is a path of this API. */
  #url(path: string, query: RequestOptions['query'] = {}): URL {
    const [, name = '', search = ''] = /^([^?]*)(.*)$/s.exec(path)!;
    const url = new URL(this.#base);
    url.pathname = `${this.#base.pathname.replace(/\/$/, '')}/${name.replace(/^\//, '')}`;
    url.search = search;
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
    return url;
  }

  async #open(): Promise<Sluice> {
    if (this.#closed) throw new SluiceError('SLUICE_CLOSED', 'the client is closed; create another');
    this.#connected ??= this.#connect();
    try {
      return await this.#connected;
    } catch (error) {
      // The next request tries again.
      this.#connected = undefined;
      throw error;
    }
  }

  async #connect(): Promise<Sluice> {
    const { rate, per, policy, redis, prefix } = this.#options;
    const perMs = typeof per === 'number' ? per * 1000 : parseDuration(per);
    const what = 'the options of ApiClient have faults: per';
    const window = validate(
      duration({ min: 100, max: 31 * 86_400_000 }),
      perMs ?? per,
      'SLUICE_INVALID_CONFIG',
      what,
    );
    const input: PolicyInput = { origin: this.#base.origin, ...policy, rate: { limit: rate, per: window } };
    const sluice =
      this.#options.sluice ??
      (await connect({
        ...(redis === undefined ? {} : { redis }),
        ...(prefix === undefined ? {} : { prefix }),
      }));
    try {
      await sluice.policies.ensure(this.#queue, input, 'keep');
      return sluice;
    } catch (error) {
      if (sluice !== this.#options.sluice) await sluice.close();
      throw error;
    }
  }
}
