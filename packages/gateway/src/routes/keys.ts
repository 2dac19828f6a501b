import type { Sluice } from '@sluice/producer';
import { SluiceError, apiKeySchema, graceSchema, lacking, newKeySchema } from '@sluice/shared';
import { z } from 'zod';
import type { App } from '../app.ts';
import type { Caller } from '../auth/caller.ts';
import { documented } from '../schema/compile.ts';

const atKey = z.strictObject({ id: z.string().min(1).max(100).meta({ description: 'The id of the key.' }) });

const withToken = z.object({
  key: apiKeySchema,
  token: z.string().meta({ description: 'What callers send; it is shown this one time.' }),
});

/** Whether a caller may see a key: it does nothing that he may not do. */
const sees = ({ key }: Caller, grants: Parameters<typeof lacking>[1]) =>
  key === undefined || lacking(key.grants, grants).length === 0;

/** API keys. Nobody sees, grants, rotates or revokes what he lacks himself. */
export function keyRoutes(app: App, sluice: Sluice): void {
  app.get(
    '/v1/keys',
    {
      config: { scope: 'keys' },
      schema: {
        summary: 'List API keys',
        description: 'Those that may do nothing that you may not.',
        response: { 200: z.object({ keys: z.array(apiKeySchema) }) },
      },
    },
    async ({ caller }) => ({
      keys: (await sluice.keys.list()).filter(({ grants }) => sees(caller, grants)),
    }),
  );
  app.post(
    '/v1/keys',
    {
      config: { scope: 'keys' },
      schema: {
        summary: 'Create an API key',
        body: documented(newKeySchema),
        response: { 201: withToken },
      },
    },
    async ({ caller, body }, reply) => {
      const made = await sluice.as(caller.actor).keys.create(body, { as: caller.key });
      await reply.code(201).header('cache-control', 'no-store').send(made);
    },
  );
  app.post(
    '/v1/keys/:id/rotate',
    {
      config: { scope: 'keys' },
      schema: {
        summary: 'Give a key a new secret',
        params: atKey,
        querystring: z.strictObject({
          grace: graceSchema
            .optional()
            .meta({ description: 'How long the old secret stays valid, too: `1h` (default).' }),
        }),
        response: { 200: withToken },
      },
    },
    async ({ caller, params, query: { grace } }, reply) => {
      const made = await sluice.as(caller.actor).keys.rotate(params.id, { as: caller.key, grace });
      await reply.header('cache-control', 'no-store').send(made);
    },
  );
  app.delete(
    '/v1/keys/:id',
    {
      config: { scope: 'keys' },
      schema: {
        summary: 'Revoke a key',
        description: 'Every gateway refuses it within 2 s, and ends the requests that it has open.',
        params: atKey,
        response: { 204: z.null().meta({ description: 'It is revoked.' }) },
      },
    },
    async ({ caller, params }, reply) => {
      const key = await sluice.keys.get(params.id);
      if (key !== null && !sees(caller, key.grants))
        throw new SluiceError('SLUICE_FORBIDDEN', 'the key may do what you may not');
      await sluice.as(caller.actor).keys.revoke(params.id, { as: caller.key });
      await reply.code(204).send(null);
    },
  );
}
