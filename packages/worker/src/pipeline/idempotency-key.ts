import type { HttpRequest } from '@sluice/shared';

/**
 * The request with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) if it is a POST or PATCH: the job's
 * id, so it is the same on all attempts. It never replaces the caller's own.
 */
export function withIdempotencyKey(request: HttpRequest, id: string): HttpRequest {
  const unsafe = request.method === 'POST' || request.method === 'PATCH';
  if (!unsafe || request.headers['idempotency-key'] !== undefined) return request;
  return { ...request, headers: { ...request.headers, 'idempotency-key': id } };
}
