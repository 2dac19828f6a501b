import { isDeepStrictEqual } from 'node:util';
import type { PolicyInput, Sluice } from '@sluice/producer';
import { type Policy, SluiceError, policySchema, withNamed } from '@sluice/shared';
import { z } from 'zod';
import type { App } from '../app.ts';
import { queueStateSchema } from '../schema/answers.ts';
import { documented } from '../schema/compile.ts';
import { atQueue } from './parameters.ts';

/** What a policy could open to whoever has a key: the internal network, the body store, requests made twice. */
export const guardedFields = ['egress', 'store', 'delivery'] as const;
export type GuardedField = (typeof guardedFields)[number];

const policy = documented(
  policySchema.meta({ description: 'What a queue obeys. Each field: docs/configuration.md.' }),
);
const changed = z.object({
  change: z.enum(['created', 'changed', 'same']),
  policy: z.record(z.string(), z.unknown().meta({ description: 'A field of the policy.' })),
});

/** What operators do with queues. @param open the guarded fields that may be changed here */
export function queueRoutes(app: App, sluice: Sluice, open: readonly GuardedField[]): void {
  const closed = guardedFields.filter((field) => !open.includes(field));

  app.get(
    '/v1/queues',
    {
      config: { scope: 'read' },
      schema: { summary: 'List queues', response: { 200: z.object({ queues: z.array(z.string()) }) } },
    },
    async ({ caller }) => {
      const names = await sluice.queues.list();
      return { queues: names.filter((name) => caller.may('read', name)) };
    },
  );
  app.get(
    '/v1/queues/:queue',
    {
      config: { scope: 'read' },
      schema: { summary: 'What a queue does', params: atQueue, response: { 200: queueStateSchema } },
    },
    async ({ params }) => await sluice.queues.show(params.queue),
  );

  const update = async (actor: string, queue: string, make: (before: Policy | null) => PolicyInput) => {
    const { change, after } = await sluice.as(actor).policies.update(queue, (before) => {
      const made = make(before);
      const kept = before ?? policySchema.parse({});
      const next = policySchema.safeParse(made).data;
      const field = closed.find((name) => next !== undefined && !isDeepStrictEqual(next[name], kept[name]));
      if (field !== undefined) throw closedField(field);
      return made;
    });
    return { change, policy: after };
  };
  app.put(
    '/v1/queues/:queue',
    {
      config: { scope: 'policy' },
      schema: {
        summary: 'Create a queue, or set its whole policy',
        description:
          'Fields that are left out get their defaults, but `egress`, `store` and `delivery` stay as they are.',
        params: atQueue,
        body: policy,
        response: { 200: changed },
      },
    },
    async ({ caller, params, body }) =>
      await update(caller.actor, params.queue, (before) => ({
        ...Object.fromEntries(guardedFields.map((name) => [name, before?.[name]])),
        ...(body as PolicyInput),
      })),
  );
  app.patch(
    '/v1/queues/:queue',
    {
      config: { scope: 'policy' },
      schema: {
        summary: 'Change fields of a policy',
        params: atQueue,
        body: policy,
        response: { 200: changed },
      },
    },
    async ({ caller, params, body }) =>
      await update(caller.actor, params.queue, (before) => {
        if (before === null) throw noQueue(params.queue);
        return withNamed(before, body as PolicyInput);
      }),
  );
  app.delete(
    '/v1/queues/:queue',
    {
      config: { scope: 'policy' },
      schema: {
        summary: 'Remove a queue with its jobs',
        description: 'Jobs that have not ended end as `cancelled`.',
        params: atQueue,
        response: { 204: z.null().meta({ description: 'It is gone.' }) },
      },
    },
    async ({ caller, params: { queue } }, reply) => {
      if (!(await sluice.queues.list()).includes(queue)) throw noQueue(queue);
      await sluice.as(caller.actor).queues.remove(queue);
      await reply.code(204).send(null);
    },
  );

  const paused = z.object({ paused: z.boolean() });
  for (const [verb, isPaused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(
      `/v1/queues/:queue/${verb}`,
      {
        config: { scope: 'operate' },
        schema: {
          summary: isPaused ? 'Take no more jobs' : 'Take jobs again',
          params: atQueue,
          response: { 200: paused },
        },
      },
      async ({ caller, params }) => {
        await sluice.as(caller.actor).queues[verb](params.queue);
        return { paused: isPaused };
      },
    );
  }
  app.post(
    '/v1/queues/:queue/release',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Lift holds',
        params: atQueue,
        querystring: z.strictObject({
          origin: z.string().default('').meta({ description: 'Only the hold of this origin.' }),
        }),
        response: { 200: z.object({ lifted: z.number() }) },
      },
    },
    async ({ caller, params, query }) => ({
      lifted: await sluice.as(caller.actor).queues.release(params.queue, query.origin),
    }),
  );
}

function closedField(field: GuardedField): SluiceError {
  const message = `${field}: is not changed through this gateway; use sluice queue set, or start the gateway with SLUICE_GATEWAY_POLICY=${field}`;
  return new SluiceError('SLUICE_FORBIDDEN', message);
}

function noQueue(queue: string): SluiceError {
  return new SluiceError('SLUICE_POLICY_MISSING', `there is no queue "${queue}"; PUT creates it`);
}
