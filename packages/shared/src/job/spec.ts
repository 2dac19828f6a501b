import { z } from 'zod';
import { isBullKey } from '../state/bull-keys.ts';
import { deliverySchema } from '../fields/delivery.ts';
import { duration } from '../fields/duration.ts';
import { jsonValue } from '../fields/json-value.ts';
import { methods } from '../fields/methods.ts';
import { timeSchema } from '../fields/time.ts';
import { jobRetrySchema } from '../policy/retry-policy.ts';
import { bodySchema } from './body.ts';
import { headersSchema } from './headers.ts';
import { searchParamsSchema, urlSchema } from './target.ts';

const method = z
  .string()
  .transform((text) => text.toUpperCase())
  .pipe(z.enum(methods, { error: `must be one of ${methods.join(', ')}` }));

const hour = 3_600_000;
const day = 24 * hour;

/** How deep a value that is enqueued may be nested: as deep as JSON parsers in common use accept. */
const jsonDepth = 1000;

/** What a caller may say about one HTTP request: the schema of `JobSpec`, which says what each field means. */
export const jobSpecSchema = z.strictObject({
  url: urlSchema,
  searchParams: searchParamsSchema.optional(),
  method: method.optional(),
  headers: headersSchema.optional(),
  body: bodySchema.optional(),
  bodyBase64: z.base64('must be base64').optional(),
  json: jsonValue({ depth: jsonDepth }).optional(),
  form: z.record(z.string(), z.string({ error: 'must be text' })).optional(),
  timeout: duration({ min: 1, max: hour }).optional(),
  timeoutMs: z.int().min(1).max(hour).optional(),
  attempts: z.int().min(1).max(100).optional(),
  retry: jobRetrySchema.optional(),
  deadline: timeSchema.optional(),
  delay: duration({ min: 0, max: 366 * day }).optional(),
  delayMs: z
    .int()
    .min(0)
    .max(366 * day)
    .optional(),
  runAt: timeSchema.optional(),
  priority: z.int().min(0).max(2_097_151).optional(),
  meta: jsonValue({ depth: jsonDepth, length: 4096 }).optional(),
  delivery: deliverySchema.optional(),
  transform: z.string().min(1).max(100).optional(),
  id: z
    .string()
    .regex(
      /^(?!\d+$)[A-Za-z0-9_.~-]{1,128}$/,
      'must be 1 to 128 letters, digits or _ . ~ - and not only digits',
    )
    .refine((id) => !isBullKey(id), 'is the name of a part of the queue; use another')
    .optional(),
  idempotencyKey: z
    .string()
    .regex(
      /^[!-~](?:[ -~]{0,198}[!-~])?$/,
      'must be 1 to 200 visible ASCII characters, without a space at either end',
    )
    .optional(),
});
