/**
 * Every error of Sluice: its code and what it means. `failedReason` of a failed job is `CODE: sentence`.
 * docs/errors.md lists each with its cause and cure; a test holds the two equal.
 */
export const errorCodes = {
  SLUICE_INVALID_SPEC: 'A job spec has faults; nothing was enqueued.',
  SLUICE_INVALID_POLICY: 'A policy has faults; nothing was written.',
  SLUICE_INVALID_CONFIG: 'The environment or an option of the process has faults; it does not start.',
  SLUICE_POLICY_MISSING: 'The queue has no policy, so no worker serves it.',
  SLUICE_POLICY_CONFLICT: 'The queue has another policy than the one named.',
  SLUICE_DUPLICATE_ID: 'The id is taken by a job with another payload.',
  SLUICE_REDIS_UNREACHABLE:
    'Redis does not answer, is a replica or a node of a Cluster, or lacks replicas it needs.',
  SLUICE_REDIS_AUTH: 'Redis refuses the user or password.',
  SLUICE_REDIS_VERSION: 'The server is older than Redis 7.0 (or Valkey 8).',
  SLUICE_REDIS_EVICTS: 'Redis may evict keys (maxmemory-policy is not noeviction): jobs could be lost.',
  SLUICE_REDIS_FULL: 'Redis has reached maxmemory; the job was not accepted.',
  SLUICE_CLOCK_SKEW: "The clock of the process and Redis' differ too much; it does not start.",
  SLUICE_CLOSED: 'The client was closed.',
  SLUICE_RESULT_EXPIRED: 'The job ended, but its outcome is no longer kept.',
  SLUICE_STATUS: 'The API answered with a status that is not 2xx.',
  SLUICE_GROUP_ENDED: 'The group has ended, or one of its jobs failed; it takes no more.',
  SLUICE_BATCH_SEALED: 'The batch is sealed; it takes no more jobs.',
  SLUICE_SEMAPHORE_CONFLICT: 'The semaphore has another size in the processes that use it now.',
  SLUICE_LEASE_LOST:
    'The lease of a semaphore ended before it could be renewed; others may be in the section.',
  SLUICE_WAIT_ABORTED: 'The caller stopped waiting before the outcome arrived.',
  SLUICE_BLOCKED: 'The egress guard refused the URL, the address behind it, or the request itself.',
  SLUICE_TIMEOUT: 'The attempt took longer than its timeout.',
  SLUICE_NETWORK: 'The connection failed: refused, reset, or the name does not resolve.',
  SLUICE_HTTP_ERROR: 'The upstream answered with a retryable status to the last attempt.',
  SLUICE_RATE_LIMITED: 'The upstream answered 429 to the last attempt.',
  SLUICE_TOO_LARGE: 'The response body is larger than the limit of the queue.',
  SLUICE_BAD_RESPONSE:
    'The response could not be used: no HTTP, a bad redirect, or a body that does not decode.',
  SLUICE_BODY_STORE: 'The body store failed, or does not have the body (any more).',
  SLUICE_BODY_STORED: 'The body is in the body store; it can be read as a stream only.',
  SLUICE_TRANSFORM: 'The transform of the job threw, took too long, or gave no usable result.',
  SLUICE_UNKNOWN_TRANSFORM: 'The job names a transform that the worker does not have; nothing was sent.',
  SLUICE_EXPIRED: 'The deadline of the job passed before it could be attempted.',
  SLUICE_CANCELLED: 'The job was cancelled.',
  SLUICE_AMBIGUOUS: 'The request may or may not have been performed, and the job must not repeat it.',
  SLUICE_POISON: 'The job brought its worker down too often, cannot be read, or its end cannot be kept.',
  SLUICE_INTERNAL: 'A fault of Sluice itself.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** One fault of an input: where it is (`rate.limit`, `[3].url`), what is wrong, and how to mend it. */
export type Fault = { path: string; message: string };

/** The one error class that callers see. `code` is stable; `message` is for people. */
export class SluiceError extends Error {
  override readonly name: string = 'SluiceError';
  readonly code: ErrorCode;
  /** Every fault of the input, when the code is one of the SLUICE_INVALID_ ones. */
  readonly faults: readonly Fault[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; faults?: readonly Fault[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.faults = options.faults ?? [];
  }
}

/** The text kept as a failed job's reason. */
export function failedReason(error: { code: string; message: string }): string {
  return `${error.code}: ${error.message}`;
}
