import type { HttpRequest } from '@sluice/shared';
import { BadRedirect } from '../http/failure.ts';

/** What may follow a redirect to another origin. Everything else a caller set could be a credential. */
const safeAcrossOrigins = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-type',
  'range',
  'user-agent',
]);

/** Without these a body would be misread, or performed twice. They go wherever the body may go. */
const partOfBody = new Set(['content-encoding', 'content-language', 'content-location', 'idempotency-key']);

/** Words in the names of headers that hold credentials: `authorization`, `x-api-key`, `private-token`, … */
const credentialWords = /auth|bearer|cookie|credential|dpop|jwt|key|pass|secret|session|signature|token/i;

/** Has `key` in its name, but is not a credential. */
const isIdempotencyKey = (name: string) => /idempotency/i.test(name);

function credentialOf({ headers }: HttpRequest): string | undefined {
  return Object.keys(headers).find((name) => credentialWords.test(name) && !isIdempotencyKey(name));
}

const hasBody = ({ body }: HttpRequest) => body !== undefined && body !== '';

/** An upstream may choose a name of any length, and it ends up in the job's error. */
const shown = (origin: string) => (origin.length > 200 ? `${origin.slice(0, 200)}…` : origin);

/** Why this request must not be sent in the clear after https; null when it has nothing to hide. */
function secretOf(request: HttpRequest): string | null {
  if (hasBody(request)) return 'body';
  const name = credentialOf(request);
  return name === undefined ? null : `credential (${name})`;
}

/**
 * What a redirected request may take to another origin: no header that could be a credential, and a body only if the
 * policy allows it. A request that has either does not go from https to http: without them, it would be another
 * request. Pure.
 * @param request the request as the redirect's status makes it
 * @param redirectBodies origins that bodies may be redirected to
 * @returns the headers that go along
 * @throws BadRedirect when the request must not go there
 */
export function carriedTo(
  to: URL,
  from: URL,
  request: HttpRequest,
  redirectBodies: readonly string[],
): HttpRequest['headers'] {
  const secret = from.protocol === 'https:' && to.protocol === 'http:' ? secretOf(request) : null;
  if (secret !== null) {
    throw new BadRedirect(
      `the redirect leads from https to ${shown(to.origin)}, where the request's ${secret} would go unencrypted`,
    );
  }
  const withBody = hasBody(request);
  if (withBody && !redirectBodies.includes(to.origin)) {
    throw new BadRedirect(
      `the redirect would take the request's body to another origin; to allow that, list ${shown(to.origin)} in egress.redirectBodies on the queue`,
    );
  }
  const goes = (name: string) => safeAcrossOrigins.has(name) || (withBody && partOfBody.has(name));
  return Object.fromEntries(Object.entries(request.headers).filter(([name]) => goes(name)));
}
