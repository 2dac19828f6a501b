import type { DeadLetter, DeadSelection, PlainSpec, Sluice } from '@sluice/producer';
import { SluiceError, duration, withoutQuery } from '@sluice/shared';
import { z } from 'zod';
import { endOf } from '../answers/end.ts';
import type { App } from '../app.ts';
import { deadLetterSchema, endSchema } from '../schema/answers.ts';
import { atJob, atQueue, limit } from './parameters.ts';

const code = z.string().regex(/^SLUICE_[A-Z_]+$/, 'must be a code such as SLUICE_TIMEOUT');
const ids = z.array(z.string().min(1).max(200)).min(1).max(1000);
const selection = z
  .strictObject({
    ids: ids.optional().meta({ description: 'These jobs.' }),
    all: z.literal(true).optional().meta({ description: 'All, or with `code` all that failed with it.' }),
    code: code.optional(),
    ambiguous: z.boolean().optional().meta({ description: 'Also those that may have been performed.' }),
  })
  .refine(({ ids, all }) => (ids === undefined) !== (all === undefined), 'must have either ids or all')
  .refine(({ ids, code }) => ids === undefined || code === undefined, 'code goes with all, not with ids');
const age = duration({ min: 0, max: 3660 * 86_400_000 });

/** What a spec says without its payload. */
const bare = (spec: PlainSpec | null) =>
  spec === null ? null : { url: withoutQuery(spec.url), method: spec.method };

/** Failed jobs: list, look, send back, remove. */
export function deadRoutes(app: App, sluice: Sluice): void {
  const shown = (letter: DeadLetter, withPayload: boolean) =>
    withPayload ? letter : { ...letter, spec: bare(letter.spec) };

  app.get(
    '/v1/queues/:queue/dead',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List failed jobs, newest first',
        params: atQueue,
        querystring: z.strictObject({
          cursor: z.string().max(400).optional(),
          limit: limit(1000, 100),
          code: code.optional(),
        }),
        response: {
          200: z.object({ letters: z.array(deadLetterSchema), cursor: z.string().nullable() }),
        },
      },
    },
    async ({ params: { queue }, query: { cursor, code, limit }, caller }) => {
      const list = await sluice.dead.list(queue, {
        limit,
        ...(cursor !== undefined && { cursor }),
        ...(code !== undefined && { code }),
      });
      const withPayload = caller.may('payload', queue);
      return { ...list, letters: list.letters.map((letter) => shown(letter, withPayload)) };
    },
  );
  app.get(
    '/v1/queues/:queue/dead/:id',
    {
      config: { scope: 'payload' },
      schema: {
        summary: 'One failed job, with its outcome',
        params: atJob,
        response: {
          200: deadLetterSchema.extend({ end: endSchema.nullable() }),
        },
      },
    },
    async ({ params: { queue, id } }) => {
      const letter = await sluice.dead.get(queue, id);
      if (letter === null) {
        throw new SluiceError('SLUICE_RESULT_EXPIRED', `there is no failed job "${id}"`);
      }
      const { outcome, body, data: _, ...rest } = letter;
      return { ...rest, end: outcome === null ? null : endOf(id, queue, { outcome, body }) };
    },
  );
  app.post(
    '/v1/queues/:queue/dead/redrive',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Send failed jobs back to their queue',
        params: atQueue,
        body: selection,
        response: {
          200: z.object({
            redriven: z.number(),
            skipped: z.array(z.string()),
            ambiguous: z.array(z.string()),
          }),
        },
      },
    },
    async ({ caller, params, body: { ids, code, ambiguous = false } }) => {
      const which: DeadSelection = ids ?? { all: true, ...(code !== undefined && { code }) };
      return await sluice.as(caller.actor).dead.redrive(params.queue, which, { ambiguous });
    },
  );
  app.post(
    '/v1/queues/:queue/dead/purge',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Remove failed jobs for good',
        params: atQueue,
        body: z
          .strictObject({
            ids: ids.optional(),
            all: z.literal(true).optional(),
            code: code.optional(),
            olderThan: age.optional().meta({ description: 'Only those that failed so long ago: `7d`.' }),
          })
          .refine(
            ({ ids, all }) => (ids === undefined) !== (all === undefined),
            'must have either ids or all',
          ),
        response: { 200: z.object({ removed: z.number() }) },
      },
    },
    async ({ caller, params, body: { ids, code, olderThan } }) => ({
      removed: await sluice.as(caller.actor).dead.purge(params.queue, { ids, code, olderThan }),
    }),
  );
}
