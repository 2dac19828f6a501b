import { duration, jobSpecSchema, queueNameSchema } from '@sluice/shared';
import { z } from 'zod';
import { documented } from '../schema/compile.ts';

const day = 86_400_000;

/** A job's id in a path: any id that a queue can hold; schedules make some with colons. */
const jobId = z.string().min(1).max(200);

export const atQueue = z.strictObject({ queue: queueNameSchema });
export const atJob = atQueue.extend({ id: jobId });
export const atBatch = atQueue.extend({ name: queueNameSchema });
export const atSchedule = atQueue.extend({ name: queueNameSchema });

/** How long an outcome is kept. */
export const keep = duration({ min: 1000, max: 7 * day })
  .default(600_000)
  .meta({ description: 'How long the outcome can be read: `10m` (default), 1 s to 7 days.' });

export const jobSpec = documented(jobSpecSchema.meta({ description: 'One HTTP request to be made.' }));

/** Headers that name a call, and say how long its caller would wait. */
export const keyHeader = z.looseObject({
  'idempotency-key': z.string().optional().meta({
    description:
      'Makes this call repeatable for 24 h: the same key with the same body is the same job. The upstream never sees it.',
  }),
});
export const waitHeaders = keyHeader.extend({
  prefer: z
    .string()
    .optional()
    .meta({ description: '`wait=N`: how long to wait for the end, s. Default 25, at most 300.' }),
  accept: z
    .string()
    .optional()
    .meta({ description: '`application/octet-stream`: the body of the response alone.' }),
});

/** A count in a query. */
export const limit = (most: number, usual: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .pipe(z.int().min(1).max(most))
    .default(usual)
    .meta({ description: `At most so many: 1 to ${most}. Default ${usual}.` });

/** `true` or `false` in a query. */
export const flag = (usual: boolean, description: string) =>
  z
    .enum(['true', 'false'])
    .default(usual ? 'true' : 'false')
    .transform((text) => text === 'true')
    .meta({ description });
