import { z } from 'zod';
import { jobRetrySchema } from '../policy/retry-policy.ts';
import { httpRequestSchema } from './http-request.ts';
import { jsonValue } from '../fields/json-value.ts';
import { queueNameSchema } from '../policy/policy.ts';
import { deliverySchema } from '../fields/delivery.ts';
import { faultsOf, faultsText, parse } from '../validate.ts';

/** The version of the envelope that this code writes, and the newest it reads. */
export const envelopeVersion = 1;

/**
 * A job's data on the queue: what producers write and workers read. Times are epoch ms. Names are short, because the
 * data stays in Redis while the job waits.
 *
 * Its bounds are those of a spec of the first version: jobs wait for up to a year before they are read. Values that
 * Redis or a timer would misread lie outside of them. Newer rules apply only to specs.
 *
 * Every addition, even an optional field, needs another version: to a worker that does not know the field it could mean
 * anything. A job with a newer version is put off until a newer worker takes it (test/formats/envelope).
 */
export const envelopeSchema = z.strictObject({
  v: z.literal(envelopeVersion),
  req: httpRequestSchema,
  /** Attempts in all; absent: the policy's. */
  attempts: z.int().min(1).max(100).optional(),
  /** Overrides of the policy's retry. */
  retry: jobRetrySchema.optional(),
  /** Timeout of one attempt, ms; absent: the policy's. */
  timeoutMs: z.int().min(1).max(3_600_000).optional(),
  /** Absolute deadline, epoch ms. */
  deadline: z.int().min(0).optional(),
  /** The producer process whose reply stream takes the outcome; absent: nobody awaits it. */
  replyTo: z
    .string()
    .regex(/^[!-~]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
    .optional(),
  /** How long the outcome is kept under the job's id, ms; absent: only a marker is, and the reply has the outcome. */
  keepMs: z
    .int()
    .min(1)
    .max(366 * 86_400_000)
    .optional(),
  /** The batch that the outcome is added to, and the job's position in it. */
  batch: z.strictObject({ name: queueNameSchema, index: z.int().min(0) }).optional(),
  /** The caller's own, returned with the outcome. As deep as its length allows. */
  meta: jsonValue({ depth: 2048, length: 4096 }).optional(),
  /** What happens after a crash; absent: as the policy says. */
  delivery: deliverySchema.optional(),
  /** The transform whose result takes the place of the body. */
  transform: z.string().min(1).max(100).optional(),
  /** The producer's clock at the enqueue, epoch ms. */
  at: z.number(),
  /** The last failures after which an operator redrove it: when (epoch ms), and what they were. */
  redrives: z.array(z.strictObject({ at: z.number(), attempts: z.number(), reason: z.string() })).optional(),
});

export type Envelope = z.infer<typeof envelopeSchema>;

const { replyTo, keepMs, batch, meta } = envelopeSchema.shape;

/** Who receives a job's outcome, and where: as much as can be read, even if the rest cannot. */
const addresseeSchema = z
  .object({
    replyTo: replyTo.catch(undefined),
    keepMs: keepMs.catch(undefined),
    batch: batch.catch(undefined),
    meta: meta.catch(undefined),
  })
  .catch({});

/**
 * Who receives a job's outcome. An envelope is an addressee. `req`: the request, if it can be read; the reader of a batch
 * knows no more of the job.
 */
export type Addressee = Pick<Envelope, 'replyTo' | 'keepMs' | 'batch' | 'meta'> & {
  req?: Pick<Envelope['req'], 'method' | 'url'>;
};

export type EnvelopeRead =
  | { type: 'envelope'; envelope: Envelope; addressee: Addressee }
  /** Written by a newer producer: a newer worker will read it. */
  | { type: 'newer'; addressee: Addressee }
  /** `fault`: why no worker can read it, as the end of a sentence. */
  | { type: 'unreadable'; fault: string; addressee: Addressee };

/** How long the outcome of a job that does not say who awaits it can be read by its id, ms. */
const unaddressedKeepMs = 3_600_000;

function unreadable(fault: string, addressee: Addressee): EnvelopeRead {
  const known = addressee.replyTo !== undefined || addressee.keepMs !== undefined;
  return {
    type: 'unreadable',
    fault,
    addressee: known ? addressee : { ...addressee, keepMs: unaddressedKeepMs },
  };
}

/** Classifies a job's data. Pure. */
export function readEnvelope(data: unknown): EnvelopeRead {
  const parsed = parse(envelopeSchema, data);
  if (parsed.success) return { type: 'envelope', envelope: parsed.data, addressee: parsed.data };
  const addressee: Addressee = addresseeSchema.parse(data);
  const version = (data as { v?: unknown } | null | undefined)?.v;
  if (Number.isSafeInteger(version) && (version as number) > envelopeVersion) {
    return { type: 'newer', addressee };
  }
  return unreadable(faultsText(faultsOf(parsed.error)), addressee);
}

/** The same for the text in Redis; null: the job has none. Pure. */
export function readEnvelopeText(text: string | null): EnvelopeRead {
  try {
    return readEnvelope(JSON.parse(text ?? ''));
  } catch {
    return unreadable(text === null ? 'it has no data' : 'it is not JSON', {});
  }
}
