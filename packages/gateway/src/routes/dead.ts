import type { DeadLetter, PlainSpec, Sluice } from '@sluice/producer';
import { SluiceError, duration, withoutQuery } from '@sluice/shared';
import { z } from 'zod';
import { endOf } from '../answers/end.ts';
import type { App } from '../app.ts';
import { deadLetterSchema, endSchema } from '../schema/answers.ts';
import { atJob, atQueue, limit } from './parameters.ts';

const code = z.string().regex(/^SLUICE_[A-Z_]+$/, 'must be a code such as SLUICE_TIMEOUT');
const ids = z.array(z.string().min(1).max(200)).min(1).max(1000);
const time = z
  .string()
  .transform((text, ctx) => {
    const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
    if (Number.isSafeInteger(at)) return at;
    ctx.addIssue('must be a time such as 2026-01-31T12:00:00Z, or epoch ms');
    return z.NEVER;
  })
  .optional();

/** Which failed jobs: those for which all that is given is true. */
const filter = {
  code: code.optional().meta({ description: 'They failed with this code.' }),
  host: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .meta({ description: 'Their requests go to this host; its port may follow.' }),
  id: z.string().min(1).max(200).optional().meta({ description: 'Their ids begin with this.' }),
  since: time.meta({ description: 'They failed then or later: RFC 3339, or epoch ms.' }),
  until: time.meta({ description: 'They failed before: RFC 3339, or epoch ms.' }),
};
const cursor = z
  .string()
  .max(400)
  .optional()
  .meta({ description: 'Where to go on: the `cursor` of the answer before.' });
const walked = {
  cursor: z
    .string()
    .nullable()
    .meta({ description: 'Where to go on, in a call like this one; null: this was the end.' }),
  examined: z.number().meta({ description: 'How many failed jobs were looked at: at most 1,000.' }),
};

/** Either names, or a filter. */
const either = [
  ({ ids, all, ...more }: { ids?: unknown; all?: unknown }) =>
    (ids === undefined) !== (all === undefined) &&
    (ids === undefined || !['code', 'host', 'id', 'since', 'until', 'cursor'].some((name) => name in more)),
  'must have either ids alone, or all, with a filter and a cursor if you like',
] as const;
const selection = z
  .strictObject({
    ids: ids.optional().meta({ description: 'These jobs.' }),
    all: z.literal(true).optional().meta({ description: 'All, or those that the filter means.' }),
    ...filter,
    cursor,
    ambiguous: z.boolean().optional().meta({ description: 'Also those that may have been performed.' }),
  })
  .refine(...either);
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
        description:
          'A call looks at 1,000 failed jobs at most, so with a filter it may have fewer items than there are: read on until `cursor` is null.',
        params: atQueue,
        querystring: z.strictObject({
          cursor,
          limit: limit(1000, 100),
          ...filter,
        }),
        response: {
          200: z.object({ items: z.array(deadLetterSchema), ...walked }),
        },
      },
    },
    async ({ params: { queue }, query, caller }) => {
      const { letters, cursor, examined } = await sluice.dead.list(queue, query);
      const withPayload = caller.may('payload', queue);
      return { items: letters.map((letter) => shown(letter, withPayload)), cursor, examined };
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
        description:
          'Of `all`, a call looks at 1,000 at most, the oldest first: repeat it with the `cursor` of its answer until that is null.',
        params: atQueue,
        body: selection,
        response: {
          200: z.object({
            redriven: z.number(),
            skipped: z.array(z.string()),
            ambiguous: z.array(z.string()),
            ...walked,
          }),
        },
      },
    },
    async ({ caller, params: { queue }, body }) => {
      const { ids, all: _, cursor, ambiguous = false, ...filter } = body;
      const { dead } = sluice.as(caller.actor);
      if (ids === undefined) return await dead.redrivePage(queue, filter, { ambiguous, cursor });
      return {
        ...(await dead.redrive(queue, ids, { ambiguous })),
        cursor: null,
        examined: ids.length,
      };
    },
  );
  app.post(
    '/v1/queues/:queue/dead/purge',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Remove failed jobs for good',
        description:
          'As redrive: repeat a call for `all` with the `cursor` of its answer until that is null.',
        params: atQueue,
        body: z
          .strictObject({
            ids: ids.optional(),
            all: z.literal(true).optional(),
            ...filter,
            cursor,
            olderThan: age.optional().meta({ description: 'Only those that failed so long ago: `7d`.' }),
          })
          .refine(...either),
        response: { 200: z.object({ removed: z.number(), ...walked }) },
      },
    },
    async ({ caller, params: { queue }, body }) => {
      const { ids, all: _, cursor, ...options } = body;
      const { dead } = sluice.as(caller.actor);
      if (ids === undefined) return await dead.purgePage(queue, options, cursor);
      const removed = await dead.purge(queue, { ids, olderThan: options.olderThan });
      return { removed, cursor: null, examined: ids.length };
    },
  );
}
