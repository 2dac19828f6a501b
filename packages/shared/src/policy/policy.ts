import { z } from 'zod';
import { byteSize } from '../fields/byte-size.ts';
import { duration } from '../fields/duration.ts';
import { parseCidr } from '../egress/parse-cidr.ts';
import { rateSchema } from './rate.ts';
import { retryPolicySchema } from './retry-policy.ts';
import { deliverySchema } from '../fields/delivery.ts';

/** The name of a module of the workers. */
export const moduleNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be the name of a module: 1 to 100 letters, digits or . _ - and begin with a letter or digit',
  );

const minute = 60_000;
const day = 86_400_000;

const store = z
  .strictObject({
    /** Larger bodies go to the body store, after decompression. */
    above: byteSize(1).default(256 * 2 ** 10),
    /** Largest body that is stored. A larger one ends the job as `too-large`. It takes the place of the queue's. */
    maxBody: byteSize(1024).default(2 ** 30),
  })
  .refine(({ above, maxBody }) => above <= maxBody, {
    path: ['above'],
    error: 'must not be larger than maxBody',
  });

const concurrencyObject = z.strictObject({
  /** Requests of this queue in flight in one worker process; null: the process's own concurrency. */
  worker: z.int().min(1).max(100_000).nullable().default(null),
  /** Requests of this queue in flight in the whole fleet; null: no such cap. */
  global: z.int().min(1).max(1_000_000).nullable().default(null),
});

/** A number is that of one worker. Not a union of the two forms: it would report "Invalid input" and no path. */
const concurrency = z
  .union([z.number(), z.looseObject({})], { error: 'expected a number, or { worker, global }' })
  .transform((value) => (typeof value === 'number' ? { worker: value } : value))
  .pipe(concurrencyObject) as unknown as z.ZodType<
  z.output<typeof concurrencyObject>,
  number | z.input<typeof concurrencyObject>
>;

const origin = z
  .string()
  .refine(
    (text) => URL.parse(text)?.origin === text,
    'must be an origin: scheme, host and port, such as "https://api.example.com"',
  );

/** What the jobs of a queue may contact; as the bounds of a worker, what any policy may allow at most. */
export const egressSchema = z.strictObject({
  /** Address ranges allowed besides the public internet, as CIDRs. Metadata addresses are never allowed. */
  allow: z
    .array(
      z.string().refine((cidr) => parseCidr(cidr) !== null, {
        error: (issue) =>
          `"${String(issue.input)}" is not a CIDR; write an address and a length, such as 10.0.0.0/8`,
      }),
    )
    .default([]),
  /** Host names allowed although they look internal: `api.corp.internal`, `*.corp.internal`. */
  allowHosts: z.array(z.string().min(1)).default([]),
  /**
   * When set, the only ports that may be contacted. Absent: any but those that a browser blocks, and, with `allow` or
   * `allowHosts`, those of databases, brokers, control planes and the like.
   */
  ports: z.array(z.int().min(1).max(65_535)).optional(),
  /**
   * Origins that a redirect may take the body of a request to, besides the one that it was sent to; absent: none. The
   * request's Idempotency-Key goes with the body, no other header that could be a credential does.
   */
  redirectBodies: z.array(origin).optional(),
});

/** What a queue obeys: one value for the whole fleet, kept in Redis, changeable at run time. Times in ms. */
export const policySchema = z.strictObject({
  /** Requests per window for the whole fleet (`"100/60s"`); null: no limit. */
  rate: rateSchema.nullable().default(null),
  /**
   * The one origin (`https://api.example.com`) that this queue's jobs go to; null: any. When it rejects a request, nothing
   * more is taken from the queue; without it, jobs are taken and put off one by one.
   */
  origin: origin.nullable().default(null),
  concurrency: concurrency.default({ worker: null, global: null }),
  /**
   * How long one attempt may take: connecting (DNS, TCP, TLS), and from the permission to send to the last byte, with
   * the waits of redirects for their start. Waiting for a slot, a permit or Redis is not in it.
   */
  timeout: duration({ min: 1, max: 60 * minute }).default(30_000),
  retry: retryPolicySchema.prefault({}),
  /**
   * A module of the workers (SLUICE_TRANSFORMS) whose `retryIf` looks at each response and says whether the attempt is to
   * be followed by another; absent: the status alone says it.
   */
  retryIf: moduleNameSchema.optional(),
  egress: egressSchema.prefault({}),
  /** Redirects followed; each hop is guarded and asks for its own permit. 0: a redirect is the response. */
  maxRedirects: z.int().min(0).max(20).default(5),
  /** Largest response body, after decompression. A larger one ends the job as `too-large`. */
  maxBody: byteSize(1).default(10 * 2 ** 20),
  /**
   * `at-least-once` (default): after a crash a request is made again, with the same Idempotency-Key if it is a POST or
   * PATCH. `at-most-once`: it never is; the job ends `ambiguous`, and its caller decides.
   */
  delivery: deliverySchema.default('at-least-once'),
  /**
   * Whether large bodies are streamed to a body store, which every worker of the queue must then have
   * (SLUICE_BODY_STORE); null: every body is part of its outcome. The body of a job with a transform is never stored.
   */
  store: store.nullable().default(null),
  /** Failed jobs that are kept, to look at and to send back: for how long, and how many of the queue at most. */
  keepFailed: z
    .strictObject({
      age: duration({ min: 1000, max: 366 * day }).default(7 * day),
      count: z.int().min(0).max(10_000_000).default(10_000),
      /** Those, too, whose error a `fetch`, `gather` or ApiClient call received. Absent: false, which 0.1 can write back. */
      awaited: z.boolean().optional(),
    })
    .prefault({}),
  /**
   * Jobs that may wait, delayed ones among them; an enqueue beyond it is SLUICE_BACKLOG_FULL. null: any number. Retries,
   * redrives and schedules are not refused.
   */
  maxBacklog: z.int().min(1).max(1_000_000_000).nullable().default(null),
  /** The longest hold that is obeyed blindly; after it one probe goes out. */
  maxHold: duration({ min: 0, max: day }).default(15 * minute),
});

export type Policy = z.output<typeof policySchema>;

/** A queue's name: it is part of Redis keys, so neither `:` nor `/` nor braces. */
export const queueNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be 1 to 100 letters, digits or . _ - and begin with a letter or digit',
  );
