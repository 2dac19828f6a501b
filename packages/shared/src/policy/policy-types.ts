import type { Duration } from '../fields/duration.ts';
import type { Method } from '../fields/methods.ts';

/** The rate of a queue: requests per window, for the whole fleet. */
export interface RateSpec {
  /** Requests that may leave in any window of `per`. 1 to 1,000,000,000. Must be given. */
  limit: number;
  /** The window: `"60s"`, `"min"`, or ms. 100 ms to 31 days. Must be given. */
  per: Duration;
  /**
   * `smooth` (default): no sliding window of `per` ever holds more than `limit`. `fixed` (formerly `burst`): the window of
   * BullMQ; up to twice the limit can fall around its edge.
   */
  shape?: 'smooth' | 'fixed' | 'burst' | undefined;
  /**
   * Requests that may leave at once after the queue was idle; `smooth` only. 1 (always evenly spaced) to `limit`
   * (default). While jobs wait, none is earned.
   */
  burst?: number | undefined;
  /**
   * How late a request may arrive after its permit without breaking the window: `"30ms"`, or ms. 5 ms to 1 min, less than
   * `per`. Default 30 ms, or 5 % of `per` where that is less. Larger wastes `slack / per` of the rate; smaller makes slow
   * connections miss their permits.
   */
  slack?: Duration | undefined;
  /** @deprecated Ignored: half the slack. */
  permitAge?: unknown;
  /** Slow down when the upstream rejects requests, and climb back slowly; `smooth` only. Default true. */
  adaptive?: boolean | undefined;
  /** What to print for `limit` and `per`: `"100/min"`. Default: the window as it was given. Ignored if it says another rate. */
  text?: string | undefined;
}

/** A rate: `"100/60s"`, `"5000/h"`, `"10 per 30 seconds"`, or an object. */
export type RateInput = string | RateSpec;

/** When a failed attempt of one job is followed by another, instead of what its queue's policy says. */
export interface JobRetry {
  /** Delay before the first retry, where the upstream does not say: `"2s"`, or ms. 0 to 1 day. Default: the policy's (1 s). */
  base?: Duration | undefined;
  /** Each further retry waits this many times longer. 1 to 10. Default: the policy's (2). */
  factor?: number | undefined;
  /** No computed delay is longer: `"1m"`, or ms. 0 to 1 day. Default: the policy's (1 min). */
  cap?: Duration | undefined;
  /** The share of a delay that is random, 0 to 1: 0.5 spreads it over 50–100 %. Default: the policy's (0.5). */
  jitter?: number | undefined;
  /** Statuses that are tried again, 400 to 599. Default: the policy's (408, 425, 429, 500, 502, 503, 504). */
  statuses?: number[] | undefined;
  /**
   * Methods tried again after any retryable failure. Default: the policy's (GET, HEAD, OPTIONS, PUT, DELETE). Others are
   * tried again only if nothing can have happened, or with an Idempotency-Key that the upstream honours.
   */
  methods?: Method[] | undefined;
}

/** When and how often a failed attempt is followed by another. */
export interface RetrySpec extends JobRetry {
  /** Attempts of a job in all, the first included. 1 (no retry) to 100. Default 6. */
  attempts?: number | undefined;
  /** Delay before the first retry, where the upstream does not say: `"2s"`, or ms. 0 to 1 day. Default 1 s. */
  base?: Duration | undefined;
  /** Each further retry waits this many times longer. 1 to 10. Default 2. */
  factor?: number | undefined;
  /** No computed delay is longer: `"1m"`, or ms. 0 to 1 day. Default 1 min. */
  cap?: Duration | undefined;
  /** The share of a delay that is random, 0 to 1. Default 0.5. 0: jobs that failed together come back together. */
  jitter?: number | undefined;
  /** Statuses that are tried again, 400 to 599. Default 408, 425, 429, 500, 502, 503, 504. */
  statuses?: number[] | undefined;
  /** Methods tried again after any retryable failure. Default GET, HEAD, OPTIONS, PUT, DELETE. */
  methods?: Method[] | undefined;
  /**
   * The upstream performs a request with an Idempotency-Key once, however often it comes: POST and PATCH are then tried
   * again like the others, with a key of the worker. Default false. true for an upstream that does not: performed twice.
   */
  honoursIdempotencyKey?: boolean | undefined;
  /** What a bare number in the upstream's `*-reset` headers counts. Default null: told by its size. */
  resetUnit?: 'seconds' | 'milliseconds' | 'epoch-seconds' | 'epoch-milliseconds' | null | undefined;
  /** The upstream whose documentation fills in what its headers leave out. Default null: none. */
  profile?: 'github' | null | undefined;
}

/** What the jobs of a queue may contact. */
export interface EgressSpec {
  /** Address ranges allowed besides the public internet, as CIDRs. Default none. Metadata addresses never are. */
  allow?: string[] | undefined;
  /** Host names allowed although they look internal: `api.corp.internal`, `*.corp.internal`. Default none. */
  allowHosts?: string[] | undefined;
  /**
   * The only ports that may be contacted, 1 to 65535. Default: any but those that a browser blocks, and, with `allow` or
   * `allowHosts`, those of databases, brokers, control planes and the like.
   */
  ports?: number[] | undefined;
  /** Other origins that a redirect may take the body of a request to. Default none. */
  redirectBodies?: string[] | undefined;
}

/** What a queue obeys: one value for the whole fleet, kept in Redis, changeable at run time. */
export interface PolicyInput {
  /** Requests per window for the whole fleet: `"100/60s"`, or an object. Default null: no limit. */
  rate?: RateInput | null | undefined;
  /**
   * The one origin (`https://api.example.com`) that the jobs go to. Default null: any. When it rejects a request, nothing
   * more is taken from the queue; without it, jobs are taken and put off one by one.
   */
  origin?: string | null | undefined;
  /**
   * Requests under way at once: a number, or `worker`, in one worker process (1 to 100,000; default null: the process'
   * own), and `global`, in the whole fleet (1 to 1,000,000; default null: no cap).
   */
  concurrency?:
    | number
    | { worker?: number | null | undefined; global?: number | null | undefined }
    | undefined;
  /**
   * How long one attempt may take: `"30s"` (default), or ms. 1 ms to 1 h. Waiting for a slot, a permit or Redis is not in
   * it.
   */
  timeout?: Duration | undefined;
  /** When and how often a failed attempt is followed by another. */
  retry?: RetrySpec | undefined;
  /**
   * A module of the workers whose `retryIf` looks at each response, and says whether to try again: for an upstream whose
   * body alone tells. Every worker of the queue must have it. Default: none.
   */
  retryIf?: string | undefined;
  /** What the jobs may contact. Default: the public internet. */
  egress?: EgressSpec | undefined;
  /** Redirects followed, each with its own permit. 0 (a redirect is the response) to 20. Default 5. */
  maxRedirects?: number | undefined;
  /** Largest response body, after decompression: `"10MiB"` (default), or bytes. 1 B to 1 GiB. */
  maxBody?: string | number | undefined;
  /**
   * What happens after a crash between a request and its outcome. `at-least-once` (default): it is made again.
   * `at-most-once`: never; the job ends `ambiguous`, and its caller decides.
   */
  delivery?: 'at-least-once' | 'at-most-once' | undefined;
  /**
   * Whether large bodies go to a body store, which every worker then needs. `above`: those larger than this (default
   * 256 KiB); `maxBody`: the largest (default 1 GiB). Default null: every body is part of its outcome.
   */
  store?: { above?: string | number | undefined; maxBody?: string | number | undefined } | null | undefined;
  /**
   * The failed jobs that are kept: for how long (`age`, default 7 days, 1 s to 366 days) and how many (`count`, 10,000).
   * `awaited`, default false: those, too, whose error a `fetch`, `gather` or ApiClient call received.
   */
  keepFailed?:
    | { age?: Duration | undefined; count?: number | undefined; awaited?: boolean | undefined }
    | undefined;
  /**
   * Jobs that may wait, delayed ones among them. 1 to 1,000,000,000; default null: any number. An enqueue beyond it is
   * SLUICE_BACKLOG_FULL; retries, redrives and schedules are not refused.
   */
  maxBacklog?: number | null | undefined;
  /** The longest hold that is obeyed; after it one request goes out as a probe. 0 to 1 day. Default 15 min. */
  maxHold?: Duration | undefined;
}
