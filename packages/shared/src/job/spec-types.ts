import type { JobRetry } from '../policy/policy-types.ts';
import type { Json } from '../fields/json-value.ts';
import type { Duration } from '../fields/duration.ts';
import type { Time } from '../fields/time.ts';
import type { Body } from './body.ts';
import type { HeaderFields } from './headers.ts';
import type { SearchParams } from './target.ts';

/** What a caller may say about one HTTP request besides its URL. Everything has a default. */
export interface RequestSpec {
  /** Added to the query of the URL. A field of a record that is undefined is left out. Default: nothing. */
  searchParams?: SearchParams | undefined;
  /** GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in any case. Default: GET, or POST if there is a body. */
  method?: string | undefined;
  /** Sent in lower case. Those of the connection (`host`, `content-length`, …) are the worker's. Default: none. */
  headers?: HeaderFields | undefined;
  /**
   * Text (UTF-8), bytes, URLSearchParams, a Blob or FormData, with the content type that fetch would send unless a header
   * names one. At most one of `body`, `bodyBase64`, `json` and `form`. Default: none.
   */
  body?: Body | Blob | FormData | undefined;
  /** Body as bytes, in base64: for specs that are JSON themselves. */
  bodyBase64?: string | undefined;
  /** Body as JSON, nested at most 1,000 deep; sets `content-type: application/json` unless a header does. */
  json?: Json | undefined;
  /** Body as form fields; sets `content-type: application/x-www-form-urlencoded` unless a header does. */
  form?: Record<string, string> | undefined;
  /**
   * How long one attempt may take: `"30s"`, or ms. Connecting (DNS, TCP, TLS), and from the permit to the last byte, with
   * the waits of redirects for their starts; not the waiting for a slot, a permit or Redis. 1 ms to 1 h. Default: the
   * policy's (30 s). Each retry has as much again; `deadline` is for the whole job.
   */
  timeout?: Duration | undefined;
  /** @deprecated `timeout`. ms */
  timeoutMs?: number | undefined;
  /** Attempts in all, the first included: 1 (no retry) to 100. Default: the policy's (6). */
  attempts?: number | undefined;
  /** Overrides of the policy's `retry`. */
  retry?: JobRetry | undefined;
  /**
   * After this time the job is not attempted any more: a Date, an ISO 8601 text, epoch ms, or a duration from now
   * (`"5m"`). Default: none; of a `fetch`, the client's (15 min from its call).
   */
  deadline?: Time | undefined;
  /** How long from now until the job may first be taken: `"10s"`, or ms. 0 (default) to 366 days. */
  delay?: Duration | undefined;
  /** @deprecated `delay`. ms */
  delayMs?: number | undefined;
  /**
   * Not before this time: a Date, an ISO 8601 text (`"2027-01-01T08:00:00Z"`), epoch ms, or a duration from now. Instead
   * of `delay`. Default: at once.
   */
  runAt?: Time | undefined;
  /**
   * Order within the queue: the smaller number runs first. 0 (default) runs before all others, 2,097,151 after all. A
   * retried job goes behind those of its own priority.
   */
  priority?: number | undefined;
  /** Anything the caller likes, up to 4 KiB as JSON and 1,000 deep; returned with the outcome. Never sent. Default: none. */
  meta?: Json | undefined;
  /**
   * What happens after a crash between the request and its outcome. `at-least-once`: it is sent again. `at-most-once`:
   * never again; the job ends `ambiguous`. Default: the policy's (`at-least-once`).
   */
  delivery?: 'at-least-once' | 'at-most-once' | undefined;
  /** The name of a transform that the workers have: its result takes the place of the body. Default: none. */
  transform?: string | undefined;
  /** The job's id, unique in its queue: 1 to 128 letters, digits or `_ . ~ -`, not only digits. Default: a random one. */
  id?: string | undefined;
  /**
   * Makes enqueueing repeatable: the same key with the same request is the same job, for a day after the first time
   * (`dedupTtl` of `connect`), even when the job has ended. The same key with another request is SLUICE_DUPLICATE_ID.
   * POST and PATCH also send it as `idempotency-key`, unless a header does. 1 to 200 visible ASCII characters. Instead
   * of `id`.
   */
  idempotencyKey?: string | undefined;
}

/** One HTTP request to be made. */
export interface JobSpec extends RequestSpec {
  /** Absolute http or https URL, without user name and password. A fragment is not sent. */
  url: string | URL;
}
