import type { HttpRequest } from '@sluice/shared';
import { BadRedirect } from '../http/failure.ts';
import { carriedTo } from './carry.ts';

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** Statuses that redirect, if there is a Location. */
export function isRedirect(status: number): boolean {
  return redirectStatuses.has(status);
}

const bodyHeaders = ['content-type', 'content-encoding', 'content-language', 'content-location'];

/**
 * The request that follows a redirect (Fetch standard, 4.4 "HTTP-redirect fetch"; RFC 9110, 15.4); null when the
 * response is not a redirect. Pure.
 * @param redirectBodies other origins that a body may be redirected to
 * @throws BadRedirect when it cannot be followed, or must not be
 */
export function redirected(
  request: HttpRequest,
  from: URL,
  status: number,
  location: string | string[] | undefined,
  redirectBodies: readonly string[] = [],
): HttpRequest | null {
  if (!isRedirect(status) || location === undefined) return null;
  if (Array.isArray(location)) throw new BadRedirect('the redirect has several Location fields');
  const to = URL.parse(location, from.href);
  if (to === null) throw new BadRedirect(`the redirect's Location is not a URL: "${location.slice(0, 200)}"`);
  // RFC 9110, 10.2.2: a fragment is inherited when the location has none. It is never sent, so it is dropped here.
  to.hash = '';

  const next: HttpRequest = { ...request, url: to.href, headers: { ...request.headers } };
  const toGet = status === 303 ? request.method !== 'HEAD' : status < 303 && request.method === 'POST';
  if (toGet) {
    next.method = 'GET';
    delete next.body;
    delete next.base64;
    for (const name of bodyHeaders) delete next.headers[name];
  }
  // The guard blocks other schemes, and says so.
  const isHttp = to.protocol === 'http:' || to.protocol === 'https:';
  if (isHttp && to.origin !== from.origin) next.headers = carriedTo(to, from, next, redirectBodies);
  return next;
}
