import { z } from 'zod';
import { isBullKey } from '../state/bull-keys.ts';
import { headerFaults } from '../egress/judge-request.ts';
import { jsonValue } from '../fields/json-value.ts';
import { methods } from '../fields/methods.ts';
import { jobRetrySchema } from '../policy/retry-policy.ts';

/** What happens after a crash between the request and its outcome: it is sent again, or never again. */
export const deliverySchema = z.enum(['at-least-once', 'at-most-once']);

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;

const url = z.string({ error: 'expected a URL as text' }).superRefine((text, ctx) => {
  if (text === '') return void ctx.addIssue('is empty; expected an absolute http or https URL');
  if (controlCharacter.test(text))
    return void ctx.addIssue('has a control character; remove or percent-encode it');
  const parsed = URL.parse(text);
  if (parsed === null)
    return void ctx.addIssue(`"${text}" is not an absolute URL; expected http://… or https://…`);
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    return void ctx.addIssue(`the scheme "${parsed.protocol}" is not allowed; use http: or https:`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    return void ctx.addIssue('has a user name or password; send an authorization header instead');
  }
});

const method = z
  .string()
  .transform((text) => text.toUpperCase())
  .pipe(z.enum(methods, { error: `must be one of ${methods.join(', ')}` }));

const headers = z.record(z.string(), z.string({ error: 'must be text' })).superRefine((fields, ctx) => {
  for (const [name, value] of Object.entries(fields)) {
    for (const message of headerFaults(name, value)) ctx.addIssue({ code: 'custom', message, path: [name] });
  }
});

/** A time that a double holds exactly: Redis and BullMQ compute with doubles. */
const epochMs = z
  .int({
    error: ({ code }) => (code === 'too_big' ? 'must be less than 2^53 ms' : 'must be whole ms since 1970'),
  })
  .min(0, 'must not be before 1970');

/** How deep a value that is enqueued may be nested: as deep as JSON parsers in common use accept. */
const jsonDepth = 1000;

/** What a caller may say about one HTTP request. Everything but `url` has a default. */
export const jobSpecSchema = z.strictObject({
  /** Absolute http or https URL, without user name and password. A fragment is not sent. */
  url,
  /** Default GET, or POST if there is a body. */
  method: method.optional(),
  headers: headers.optional(),
  /** Body as text, sent in UTF-8. At most one of `body`, `bodyBase64`, `json` and `form`. */
  body: z.string().optional(),
  /** Body as bytes, in base64. */
  bodyBase64: z.base64('must be base64').optional(),
  /** Body as JSON, nested at most 1,000 deep; sets `content-type: application/json` unless a header does. */
  json: jsonValue({ depth: jsonDepth }).optional(),
  /** Body as form fields; sets `content-type: application/x-www-form-urlencoded` unless a header does. */
  form: z.record(z.string(), z.string()).optional(),
  /**
   * How long one attempt may take, ms: connecting (DNS, TCP, TLS), and from the permit to the last byte, including the
   * waits of redirects for their starts. Default: the policy's (30 s). Waiting for a slot, a permit or Redis does not
   * count.
   */
  timeoutMs: z.int().min(1).max(3_600_000).optional(),
  /** Attempts in all, the first included (1 = no retry). Default: the policy's (6). */
  attempts: z.int().min(1).max(100).optional(),
  /** Overrides of the policy's `retry`: `base`, `factor`, `cap`, `jitter`, `statuses`, `methods`. */
  retry: jobRetrySchema.optional(),
  /** Absolute time, epoch ms, after which the job must not be attempted. Default: none. */
  deadline: epochMs.optional(),
  /** Not before: ms from now until the job may first be taken. Default 0. */
  delayMs: z
    .int()
    .min(0)
    .max(366 * 86_400_000)
    .optional(),
  /**
   * Not before: an absolute time, epoch ms (less than 2^53) or ISO 8601 (`"2027-01-01T08:00:00Z"`). Instead of
   * `delayMs`.
   */
  runAt: z
    .union([epochMs, z.iso.datetime({ offset: true })], 'must be epoch ms or an ISO 8601 time')
    .optional(),
  /**
   * Order within the queue: smaller runs first, 0 (default) before all others. A retried job goes behind those of
   * its own priority.
   */
  priority: z.int().min(0).max(2_097_151).optional(),
  /** Anything the caller likes, up to 4 KiB as JSON and 1,000 deep; returned with the outcome. */
  meta: jsonValue({ depth: jsonDepth, length: 4096 }).optional(),
  /** Default: the policy's (`at-least-once`). */
  delivery: deliverySchema.optional(),
  /** The name of a transform that the workers have: its result takes the place of the body. */
  transform: z.string().min(1).max(100).optional(),
  /** The job's id, unique in its queue. Default: a random one. */
  id: z
    .string()
    .regex(
      /^(?!\d+$)[A-Za-z0-9_.~-]{1,128}$/,
      'must be 1 to 128 letters, digits or _ . ~ - and not only digits',
    )
    .refine((id) => !isBullKey(id), 'is the name of a part of the queue; use another')
    .optional(),
  /**
   * Makes enqueueing repeatable: the same key with the same request is the same job, for a day after the first time,
   * even when the job has ended. The same key with another request is an error. POST and PATCH also send it as
   * `idempotency-key`, unless a header does. Instead of `id`.
   */
  idempotencyKey: z
    .string()
    .regex(
      /^[!-~](?:[ -~]{0,198}[!-~])?$/,
      'must be 1 to 200 visible ASCII characters, without a space at either end',
    )
    .optional(),
});

export type JobSpec = z.input<typeof jobSpecSchema>;
