const clientErrors = new Set([408, 425, 429]);

// The 5xx of the IANA registry that say "not here, not ever" rather than "not now".
const finalServerErrors = new Set([501, 505, 506, 507, 508, 510, 511]);

/**
 * Whether a time to come back makes sense with a status: 408, 425, 429, and every 5xx that is not about the request
 * itself; an unknown 5xx (520, 529) is read as 500 (RFC 9110 15). Wider than a policy's `retry.statuses`, which decides
 * whether to retry: this decides only whether to believe the headers.
 */
export function isRetryableStatus(status: number): boolean {
  return clientErrors.has(status) || (status >= 500 && status <= 599 && !finalServerErrors.has(status));
}

/**
 * Whether a status is a rejection that passes only if the server says when: 413, which carries a Retry-After when the
 * condition is temporary (RFC 9110 15.5.14), and 403, which GitHub answers to both of its limits.
 */
export function isRetryableIfTimed(status: number): boolean {
  return status === 403 || status === 413;
}
