import { type ErrorCode, SluiceError, errorCodes } from '@sluice/shared';

/** The body of an error answer: problem details (RFC 9457), with a code of docs/errors.md. */
export type Problem = {
  /** Where the code is explained. */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  /** The request's own name in the log. */
  instance: string;
  /** Every fault of the body. `pointer`: a JSON pointer as the fragment of a URI (RFC 6901, 6). */
  faults?: { pointer: string; detail: string }[];
};

const docs = 'https://github.com/sluice-dev/sluice/blob/main/docs/errors.md';

/** How long a caller should stay away when it is not its own fault, s. */
const retryAfterSeconds = 2;

/** What is said of an error of Redis: its own message has the address, and maybe the user's name. */
const redisDetails: Partial<Record<ErrorCode, string>> = {
  SLUICE_REDIS_UNREACHABLE:
    'Redis does not answer. The request may have been accepted all the same: send it again with the same Idempotency-Key',
  SLUICE_REDIS_AUTH: 'Redis refuses the gateway; whoever runs it finds the reason in its log',
  SLUICE_REDIS_VERSION: 'the Redis of the gateway is too old; whoever runs it finds the reason in its log',
  SLUICE_REDIS_FULL: 'Redis is full; the request was not accepted. Send it again later',
};

/** Faults of a path or a query have no pointer into a body. */
const pointerOf = (parts: readonly (string | number)[]) =>
  `#${parts.map((part) => `/${encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`;

/** Errors of Fastify and of Node's HTTP parser, by their code or their status. */
function codeOf({ code, statusCode }: { code?: unknown; statusCode?: unknown }): ErrorCode | null {
  if (code === 'HPE_HEADER_OVERFLOW') return 'SLUICE_HEADERS_TOO_LARGE';
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'SLUICE_INVALID_REQUEST';
  if (statusCode === 413) return 'SLUICE_REQUEST_TOO_LARGE';
  if (statusCode === 415) return 'SLUICE_MEDIA_TYPE';
  if (statusCode === 404) return 'SLUICE_NOT_FOUND';
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
    ? 'SLUICE_INVALID_REQUEST'
    : null;
}

/** An error as a SluiceError; what is unforeseen says nothing of its reason. */
export function asSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const fields = error instanceof Error ? (error as Error & { code?: unknown; statusCode?: unknown }) : {};
  const code = codeOf(fields);
  const message = 'something went wrong in the gateway; its log has the reason, under this instance';
  if (code === null) return new SluiceError('SLUICE_INTERNAL', message, { cause: error });
  return new SluiceError(code, (error as Error).message, { cause: error });
}

/** The problem that an error is to its caller. Pure. @param instance the id of the request */
export function problemOf(error: SluiceError, instance: string): Problem {
  const { code, faults } = error;
  const { status, text } = errorCodes[code];
  return {
    type: `${docs}#${code.toLowerCase()}`,
    title: text,
    status,
    detail: redisDetails[code] ?? error.message,
    code,
    instance: `urn:sluice:request:${instance}`,
    ...(faults.length > 0 && {
      faults: faults.map(({ parts, message }) => ({ pointer: pointerOf(parts), detail: message })),
    }),
  };
}

/** The headers of an error answer. */
export function problemHeaders({ code, retryAfterMs }: SluiceError): Record<string, string> {
  return {
    'content-type': 'application/problem+json',
    ...(errorCodes[code].status === 503 && { 'retry-after': String(retryAfterSeconds) }),
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
    ...(code === 'SLUICE_UNAUTHENTICATED' && { 'www-authenticate': 'Bearer' }),
  };
}
