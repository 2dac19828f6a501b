import { z } from 'zod';
import { jobRetrySchema } from './retry-policy.ts';
import { httpRequestSchema } from './http-request.ts';
import { deliverySchema } from './spec.ts';

/** The version of the envelope that this code writes, and the newest it reads. */
export const envelopeVersion = 1;

/**
 * A job's data on the queue: what producers write and workers read. Times are epoch ms.
 * Kept small (it stays in Redis while the job waits), so the names are short.
 */
export const envelopeSchema = z.object({
  v: z.literal(envelopeVersion),
  req: httpRequestSchema,
  /** Tries in all; absent: the policy's. */
  attempts: z.number().optional(),
  /** Overrides of the policy's retry. */
  retry: jobRetrySchema.optional(),
  /** Timeout of one attempt, ms; absent: the policy's. */
  timeoutMs: z.number().optional(),
  /** Absolute deadline, epoch ms. */
  deadline: z.number().optional(),
  /** The producer process whose reply stream takes the outcome; absent: nobody awaits it. */
  replyTo: z.string().optional(),
  /** How long the outcome is kept under the job's id, ms; absent: only a marker, the reply has the outcome. */
  keepMs: z.number().optional(),
  /** The batch that the outcome is added to, and the job's position in it. */
  batch: z.object({ name: z.string(), index: z.number() }).optional(),
  /** The caller's own, returned with the outcome. */
  meta: z.json().optional(),
  /** What a crash means; absent: the policy's. */
  delivery: deliverySchema.optional(),
  /** The transform whose result takes the place of the body. */
  transform: z.string().optional(),
  /** The producer's clock at the enqueue, epoch ms. */
  at: z.number(),
  /** The failures that an operator sent it back from, the last ones: when (epoch ms), and what they were. */
  redrives: z.array(z.object({ at: z.number(), attempts: z.number(), reason: z.string() })).optional(),
});

export type Envelope = z.infer<typeof envelopeSchema>;
