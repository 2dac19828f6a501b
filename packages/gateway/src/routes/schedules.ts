import type { RecurringSpec, Sluice, When } from '@sluice/producer';
import { SluiceError, duration, jobSpecSchema, withoutQuery } from '@sluice/shared';
import { z } from 'zod';
import type { App } from '../app.ts';
import { scheduleSchema } from '../schema/answers.ts';
import { documented } from '../schema/compile.ts';
import { atQueue, atSchedule, keep } from './parameters.ts';

const day = 86_400_000;
const recurring = documented(
  z.strictObject({
    every: duration({ min: 100, max: 366 * day })
      .optional()
      .meta({ description: 'An interval, such as `1h`. Either this or `cron`.' }),
    cron: z.string().optional().meta({ description: 'Five fields, or six with seconds first.' }),
    tz: z.string().optional().meta({ description: 'The time zone of `cron`. Default UTC.' }),
    keep: keep.optional(),
    job: jobSpecSchema
      .omit({ id: true, idempotencyKey: true, deadline: true, delay: true, delayMs: true, runAt: true })
      .meta({ description: 'What each job is.' }),
  }),
);

type Given = When & { keep?: string | number; job?: RecurringSpec };

/** Recurring jobs. */
export function scheduleRoutes(app: App, sluice: Sluice): void {
  app.get(
    '/v1/queues/:queue/schedules',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List schedules',
        params: atQueue,
        response: { 200: z.object({ schedules: z.array(scheduleSchema) }) },
      },
    },
    async ({ params: { queue }, caller }) => {
      const hasPayload = caller.may('payload', queue);
      const schedules = (await sluice.schedules.list({ queue })).map((schedule) => {
        const { url, method } = schedule.request;
        return { ...schedule, request: { method, url: hasPayload ? url : withoutQuery(url) } };
      });
      return { schedules };
    },
  );
  app.put(
    '/v1/queues/:queue/schedules/:name',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Create or change a schedule',
        params: atSchedule,
        body: recurring,
        response: { 204: z.null().meta({ description: 'It is set.' }) },
      },
    },
    async ({ caller, params: { queue, name }, body }, reply) => {
      const { job, keep, ...when } = (body ?? {}) as unknown as Given;
      if (job === undefined) {
        throw new SluiceError('SLUICE_INVALID_SPEC', `schedule "${name}": job: is missing; give a job spec`);
      }
      await sluice.as(caller.actor).schedules.upsert(name, when, job, { queue, keep });
      await reply.code(204).send(null);
    },
  );
  app.delete(
    '/v1/queues/:queue/schedules/:name',
    {
      config: { scope: 'cancel' },
      schema: {
        summary: 'End a schedule',
        params: atSchedule,
        response: { 204: z.null().meta({ description: 'It is gone.' }) },
      },
    },
    async ({ caller, params: { queue, name } }, reply) => {
      if (!(await sluice.as(caller.actor).schedules.remove(name, { queue }))) {
        throw new SluiceError('SLUICE_RESULT_EXPIRED', `there is no schedule "${name}" in queue "${queue}"`);
      }
      await reply.code(204).send(null);
    },
  );
}
