import type { HttpRequest } from '../job/http-request.ts';

/**
 * Headers of the connection and of the message's framing (RFC 9110, 7.6.1; RFC 9112, 6). If one differs from what is
 * really sent, two servers in a row see two different requests; `upgrade` and `http2-settings` tunnel past a
 * proxy's rules (h2c smuggling); `host` reaches another site than the one that was judged; `expect` stalls the body.
 */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110, 5.5: CR, LF and NUL end or split a header; of the other controls only the tab is valid. */
function isValidValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/** What is wrong with one header, as ends of sentences that begin with its name; empty when nothing is. */
export function headerFaults(name: string, value: string): string[] {
  const lower = name.toLowerCase();
  const faults: string[] = [];
  if (!token.test(name)) faults.push('is not a header name');
  else if (forbidden.has(lower) || lower.startsWith('proxy-')) {
    faults.push('belongs to the connection and is set by the worker; remove it');
  }
  if (!isValidValue(value)) faults.push('has a character that a header value cannot hold; remove it');
  return faults;
}

/** The faults of a request's headers, one sentence each; empty when there are none. */
export function judgeHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    headerFaults(name, value).map((fault) => `the header ${JSON.stringify(name.toLowerCase())} ${fault}`),
  );
}

const notFetched: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Why a method is blocked, as a sentence; null when it may be sent. */
export function judgeMethod(method: string): string | null {
  if (!token.test(method)) return `${JSON.stringify(method)} is not a method`;
  return notFetched.has(method.toUpperCase())
    ? `${method.toUpperCase()} is not a method for fetching; use another method`
    : null;
}

export type RequestJudgement =
  /** `request`: the one that was judged, its header names in lower case. */
  | { ok: true; request: HttpRequest }
  /** A sentence that names the first faults. */
  | { ok: false; reason: string };

/** A request from another writer can have any number of faults, and each is kept with the job. */
const faultsNamed = 3;

/** Names that differ only in case are one field, sent twice. */
function repeatedNames(headers: Readonly<Record<string, string>>): string[] {
  const seen = new Set<string>();
  return Object.keys(headers)
    .map((name) => name.toLowerCase())
    .filter((name) => seen.size === seen.add(name).size);
}

/**
 * Judges a whole request as it would be sent: its method, its headers, and whether it may have a body. Producers never
 * enqueue a request that is blocked here, but other writers to the queue may, and a redirect makes a new one.
 */
export function judgeRequest(request: HttpRequest): RequestJudgement {
  const { method, headers, body } = request;
  const faults = judgeHeaders(headers);
  for (const name of new Set(repeatedNames(headers))) {
    faults.push(
      `the header ${JSON.stringify(name)} is given more than once, in different cases; send it once`,
    );
  }
  const methodFault = judgeMethod(method);
  if (methodFault !== null) faults.push(methodFault);
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    faults.push(`a ${method} request has no body; use POST, or drop it`);
  }
  if (faults.length > 0) {
    const more = faults.length - faultsNamed;
    return {
      ok: false,
      reason: faults.slice(0, faultsNamed).join('; ') + (more > 0 ? `; and ${more} more` : ''),
    };
  }
  if (Object.keys(headers).every((name) => name === name.toLowerCase())) return { ok: true, request };
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { ok: true, request: { ...request, headers: Object.fromEntries(entries) } };
}
