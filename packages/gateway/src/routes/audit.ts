import type { Sluice } from '@sluice/producer';
import { type AuditEntry, auditEntrySchema } from '@sluice/shared';
import { z } from 'zod';
import type { App } from '../app.ts';
import type { Caller } from '../auth/caller.ts';

/** Entries of queues that he operates; those of keys, if he has the scope `keys` for all queues. */
const sees = (caller: Caller, { queue }: AuditEntry) =>
  queue === null ? caller.may('keys', '*') : caller.may('operate', queue);

const entry = auditEntrySchema.extend({
  before: z.unknown().meta({ description: 'What was there; null: nothing.' }),
  after: z.unknown().meta({ description: 'What is there now; null: nothing.' }),
});

/** Who changed what. */
export function auditRoutes(app: App, sluice: Sluice): void {
  app.get(
    '/v1/audit',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Who changed what, the newest first',
        description:
          'One call looks at 1000 entries at most, so a page may be empty although there is a cursor.',
        querystring: z.strictObject({
          queue: z.string().optional().meta({ description: 'Only what concerns this queue.' }),
          actor: z.string().optional().meta({ description: 'Only what was done by this one.' }),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
          cursor: z.string().optional().meta({ description: 'The cursor of the page before.' }),
        }),
        response: {
          200: z.object({
            items: z.array(entry),
            cursor: z.string().nullable(),
            examined: z.number(),
          }),
        },
      },
    },
    async ({ caller, query }) => {
      const page = await sluice.audit.list(query);
      return { ...page, items: page.items.filter((one) => sees(caller, one)) };
    },
  );
}
