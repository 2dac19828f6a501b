import type { ResponseHead } from '@sluice/shared';

/** A request, as the upstream would see it. */
export type UpstreamRequest = {
  method: string;
  url: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** 1 for the first attempt of the job. */
  attempt: number;
  /** Epoch ms, by the clock of the test. */
  at: number;
};

/** What the upstream answers. */
export type Answer = {
  /** Default 200. */
  status?: number;
  headers?: Record<string, string | string[]>;
  /** Default: empty. */
  body?: string | Uint8Array;
  /** Instead of `body`. */
  json?: unknown;
  /** ms of the test's clock until the answer is there. Default 0; past the timeout, the attempt times out. */
  delayMs?: number;
};

/** The upstream of a test. What it throws is a connection that failed. */
export type Upstream = (request: UpstreamRequest) => Answer | Promise<Answer>;

/** An answer as a response that came over the network. */
export function responseOf({ status = 200, headers = {}, body = '', json }: Answer, url: string) {
  const bytes = Buffer.from(json === undefined ? body : JSON.stringify(json));
  const own = json === undefined ? {} : { 'content-type': 'application/json' };
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const head: ResponseHead = { status, url, headers: { ...own, ...Object.fromEntries(lower) } };
  return { head, body: bytes };
}
