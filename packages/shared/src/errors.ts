/**
 * Every error of Sluice: its code, what it means, and the HTTP status that an API answers with (RFC 9110, 15).
 * `failedReason` of a failed job is `CODE: sentence`. docs/errors.md lists each with its cause and cure; a test keeps
 * the two equal.
 */
export const errorCodes = {
  SLUICE_INVALID_SPEC: { status: 400, text: 'A job spec has faults; nothing was enqueued.' },
  SLUICE_INVALID_POLICY: { status: 400, text: 'A policy has faults; nothing was written.' },
  SLUICE_INVALID_CONFIG: {
    status: 400,
    text: 'The environment or an option of the process has faults; it does not start.',
  },
  SLUICE_POLICY_MISSING: { status: 404, text: 'The queue has no policy, so no worker serves it.' },
  SLUICE_POLICY_CONFLICT: { status: 409, text: 'The queue has another policy than the one named.' },
  SLUICE_BACKLOG_FULL: {
    status: 429,
    text: 'As many jobs of the queue wait as its policy allows; this one was not accepted.',
  },
  SLUICE_DUPLICATE_ID: { status: 409, text: 'The id is taken by a job with another payload.' },
  SLUICE_REDIS_UNREACHABLE: {
    status: 503,
    text: 'Redis does not answer, is a replica or a node of a Cluster, or lacks replicas it needs.',
  },
  SLUICE_REDIS_AUTH: { status: 503, text: 'Redis refuses the user or password.' },
  SLUICE_REDIS_VERSION: { status: 503, text: 'The server is older than Redis 7.0 (or Valkey 8).' },
  SLUICE_REDIS_EVICTS: {
    status: 503,
    text: 'Redis may evict keys (maxmemory-policy is not noeviction): jobs could be lost.',
  },
  SLUICE_REDIS_FULL: { status: 503, text: 'Redis has reached maxmemory; the job was not accepted.' },
  SLUICE_CLOCK_SKEW: {
    status: 503,
    text: 'The clocks of the process and of Redis differ too much; it does not start.',
  },
  SLUICE_CLOSED: { status: 503, text: 'The client was closed.' },
  SLUICE_RESULT_EXPIRED: { status: 404, text: 'The job ended, but its outcome is no longer kept.' },
  SLUICE_STATUS: { status: 502, text: 'The API answered with a status that is not 2xx.' },
  SLUICE_GROUP_ENDED: {
    status: 409,
    text: 'The group has ended, or one of its jobs failed; it takes no more jobs.',
  },
  SLUICE_BATCH_SEALED: { status: 409, text: 'The batch is sealed; it takes no more jobs.' },
  SLUICE_BATCH_BOUND: { status: 409, text: 'The batch has jobs of another queue.' },
  SLUICE_SEMAPHORE_CONFLICT: {
    status: 409,
    text: 'The semaphore has another size in the processes that use it now.',
  },
  SLUICE_LEASE_LOST: {
    status: 409,
    text: 'The lease of a semaphore ended before it could be renewed; others may be in the section.',
  },
  SLUICE_WAIT_ABORTED: { status: 408, text: 'The caller stopped waiting before the outcome arrived.' },
  SLUICE_KEY_MISSING: { status: 404, text: 'There is no API key with this id.' },
  SLUICE_KEYS_FULL: { status: 409, text: 'There are as many API keys as there can be.' },
  SLUICE_BLOCKED: {
    status: 403,
    text: 'The egress guard blocked the URL, the address behind it, or the request itself.',
  },
  SLUICE_TIMEOUT: { status: 504, text: 'The attempt took longer than its timeout.' },
  SLUICE_NETWORK: {
    status: 502,
    text: 'The connection failed: refused, reset, or the name does not resolve.',
  },
  SLUICE_HTTP_ERROR: {
    status: 502,
    text: 'The upstream answered with a retryable status to the last attempt.',
  },
  SLUICE_RATE_LIMITED: { status: 502, text: 'The upstream answered 429 to the last attempt.' },
  SLUICE_TOO_LARGE: { status: 502, text: 'The response body is larger than the limit of the queue.' },
  SLUICE_BAD_RESPONSE: {
    status: 502,
    text: 'The response could not be used: not HTTP, a bad redirect, or a body that does not decode.',
  },
  SLUICE_BODY_STORE: { status: 500, text: 'The body store failed, or does not have the body (any more).' },
  SLUICE_BODY_STORED: {
    status: 409,
    text: 'The body is in the body store; it can be read as a stream only.',
  },
  SLUICE_TESTING_UNSUPPORTED: {
    status: 501,
    text: 'What `@sluice/testing` does not have: only a real fleet does it.',
  },
  SLUICE_TRANSFORM: {
    status: 500,
    text: 'The transform of the job threw, took too long, or gave no usable result.',
  },
  SLUICE_UNKNOWN_TRANSFORM: {
    status: 422,
    text: 'The job names a transform that the worker does not have; nothing was sent.',
  },
  SLUICE_EXPIRED: { status: 504, text: 'The deadline of the job passed before it could be attempted.' },
  SLUICE_CANCELLED: { status: 409, text: 'The job was cancelled.' },
  SLUICE_AMBIGUOUS: {
    status: 502,
    text: 'The request may or may not have been performed, and the job must not repeat it.',
  },
  SLUICE_POISON: {
    status: 500,
    text: 'The job brought its worker down too often, cannot be read, or its end cannot be stored.',
  },
  SLUICE_INVALID_REQUEST: { status: 400, text: 'The HTTP request cannot be read, or has faults.' },
  SLUICE_UNAUTHENTICATED: { status: 401, text: 'The HTTP request has no key, or none that is valid.' },
  SLUICE_FORBIDDEN: { status: 403, text: 'The key lacks the scope that the HTTP request needs.' },
  SLUICE_NOT_FOUND: { status: 404, text: 'The gateway has nothing at this path.' },
  SLUICE_METHOD_NOT_ALLOWED: { status: 405, text: 'The path does not have this method.' },
  SLUICE_REQUEST_TOO_LARGE: { status: 413, text: 'The HTTP request is larger than the gateway accepts.' },
  SLUICE_MEDIA_TYPE: {
    status: 415,
    text: 'The HTTP request has a content type that the path does not take.',
  },
  SLUICE_KEY_REUSED: {
    status: 422,
    text: 'The Idempotency-Key of the HTTP request came before with another request.',
  },
  SLUICE_TOO_MANY_REQUESTS: {
    status: 429,
    text: 'The gateway takes no more requests of this caller for now.',
  },
  SLUICE_HEADERS_TOO_LARGE: { status: 431, text: 'The headers of the HTTP request are too large.' },
  SLUICE_URL_TOO_LONG: { status: 414, text: 'The path of the HTTP request is too long.' },
  SLUICE_OVERLOADED: {
    status: 503,
    text: 'The gateway has as many open waits as it may have, or is stopping.',
  },
  SLUICE_INTERNAL: { status: 500, text: 'A fault of Sluice itself.' },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** One fault of an input: where it is, what is wrong, and how to fix it. */
export type Fault = {
  /** For people: `rate.limit`, `[3].url`; empty: the input itself. */
  path: string;
  /** The same for programs: `['rate', 'limit']`. */
  parts: readonly (string | number)[];
  message: string;
};

/** @param parts the path to the field: `['jobs', 3, 'url']` */
export function fault(parts: readonly (string | number)[], message: string): Fault {
  return { path: pathText(parts), parts, message };
}

/** `['rate', 'limit']` -> `rate.limit`, `['jobs', 3, 'url']` -> `jobs[3].url`. */
export function pathText(parts: readonly (string | number)[]): string {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** The one error class that callers see. `code` is stable; `message` is for people. */
export class SluiceError extends Error {
  override readonly name: string = 'SluiceError';
  readonly code: ErrorCode;
  /** When it is worth another try, ms from now; undefined: not known. */
  declare readonly retryAfterMs: number | undefined;
  /** Every fault of the input, when the code is one of the SLUICE_INVALID_ ones (and the URL, when it is blocked). */
  declare readonly faults: readonly Fault[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; faults?: readonly Fault[]; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    const { faults: value = [] } = options;
    // An error without faults is not printed with an empty list of them.
    Object.defineProperty(this, 'faults', { value, enumerable: value.length > 0 });
    const { retryAfterMs } = options;
    Object.defineProperty(this, 'retryAfterMs', {
      value: retryAfterMs,
      enumerable: retryAfterMs !== undefined,
    });
  }
}

/** The text kept as a failed job's reason. */
export function failedReason(error: { code: string; message: string }): string {
  return `${error.code}: ${error.message}`;
}
