import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Handle, JobSpec, Sluice } from '@sluice/producer';
import { SluiceError, isObject, normalSpecSchema, withoutQuery } from '@sluice/shared';
import { z } from 'zod';
import { endOf, sendBody, wantsBody } from '../answers/end.ts';
import type { App } from '../app.ts';
import type { Owners } from '../auth/owners.ts';
import {
  acceptedSchema,
  bytesSchema,
  cancelSchema,
  endSchema,
  explanationSchema,
} from '../schema/answers.ts';
import { idempotencyKeyOf } from '../waiting/idempotency-key.ts';
import { goneSignal } from '../waiting/gone.ts';
import { preferredWait } from '../waiting/prefer.ts';
import type { Waits } from '../waiting/waits.ts';
import { atJob, atQueue, jobSpec, keep, keyHeader, limit, waitHeaders } from './parameters.ts';

const keepQuery = z.strictObject({ keep });
const listQuery = z.strictObject({
  state: z.enum(['waiting', 'active', 'delayed', 'failed']).default('waiting'),
  limit: limit(1000, 100),
});
const resultQuery = z.strictObject({
  wait: z.coerce
    .number({ error: 'must be a number of seconds' })
    .pipe(z.number().min(0).max(300))
    .optional()
    .meta({ description: 'How long to wait for the end, s, instead of `Prefer`. 0: only look.' }),
});

const ended = {
  content: {
    'application/json': { schema: endSchema },
    'application/octet-stream': { schema: bytesSchema },
  },
} as const;

/** As with the `fetch` of the library: what somebody waits for does not wait for ever. */
const fetchDeadline = { deadline: '15m' };

/** Methods whose repetition does no harm: such a job may be cancelled while it runs. */
const isSafe = ({ method }: JobSpec) => /^(GET|HEAD|OPTIONS)$/i.test(method ?? 'GET');

/** How long a job is delayed from its enqueue on, ms. */
function delayOf(spec: unknown): number {
  if (!isObject(spec) || !['delay', 'delayMs', 'runAt'].some((name) => name in spec)) return 0;
  const { delayMs = 0, runAt } = normalSpecSchema.safeParse(spec).data ?? {};
  return runAt === undefined ? delayMs : Math.max(0, runAt - Date.now());
}

const pathOf = ({ queue, id }: Handle) => `/v1/queues/${queue}/jobs/${encodeURIComponent(id)}`;

/** What the routes of jobs need: the server's parts. */
export type JobParts = { sluice: Sluice; waits: Waits; owners: Owners };

/** Single jobs: enqueue, wait for the end, look, cancel. */
export function jobRoutes(app: App, { sluice, waits, owners }: JobParts): void {
  const add = async (
    request: FastifyRequest,
    queue: string,
    keepMs: number,
    usual: Partial<JobSpec> = {},
  ): Promise<Handle> => {
    const key = idempotencyKeyOf(request.headers['idempotency-key']);
    const spec = isObject(request.body) ? { ...usual, ...request.body } : request.body;
    const handle = await sluice.enqueue(spec as JobSpec, {
      queue,
      keep: keepMs,
      detached: true,
      // Two callers may have chosen the same.
      enqueueKey: key === undefined ? undefined : `${request.caller.id} ${key}`,
    });
    await owners.job(request.caller, queue, handle.id, delayOf(spec) + keepMs);
    return handle;
  };
  const accepted = (handle: Handle, reply: FastifyReply) => {
    const url = pathOf(handle);
    void reply.code(202).header('location', url);
    if (handle.existed) void reply.header('idempotency-replayed', 'true');
    return { id: handle.id, url };
  };

  app.post(
    '/v1/queues/:queue/jobs',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Enqueue a job',
        params: atQueue,
        querystring: keepQuery,
        headers: keyHeader,
        body: jobSpec,
        response: { 202: acceptedSchema },
      },
    },
    async (request, reply) => accepted(await add(request, request.params.queue, request.query.keep), reply),
  );

  app.post(
    '/v1/queues/:queue/fetch',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Enqueue a job and wait for its end',
        description:
          'What has not ended in time is answered with 202 and its Location. A failed job is an outcome, too: 200.',
        params: atQueue,
        querystring: keepQuery,
        headers: waitHeaders,
        body: jobSpec,
        response: { 200: ended, 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      using _place = waits.enter();
      const gone = goneSignal(reply);
      const seconds = preferredWait(request.headers.prefer);
      const handle = await add(request, request.params.queue, request.query.keep, fetchDeadline);
      const end = await waits.end(handle, seconds * 1000, gone);
      if (gone.aborted) await withdraw(request, handle);
      void reply.header('preference-applied', `wait=${seconds}`);
      if (end === null) return accepted(handle, reply);
      if (handle.existed) void reply.header('idempotency-replayed', 'true');
      if (wantsBody(request.headers.accept)) return await sendBody(reply, sluice, end);
      return endOf(handle.id, handle.queue, end);
    },
  );

  /** A client that has gone ends its job only if no other can want it, and nothing of it may have been done. */
  const withdraw = async (request: FastifyRequest, handle: Handle): Promise<void> => {
    const spec = request.body as JobSpec;
    const isNamed = spec.id !== undefined || spec.idempotencyKey !== undefined;
    if (isNamed || handle.existed || request.headers['idempotency-key'] !== undefined) return;
    await (isSafe(spec) ? handle.cancel() : handle.withdraw());
  };

  app.get(
    '/v1/queues/:queue/jobs',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List jobs',
        description: 'The first ones, in the order in which they are taken; failed ones newest first.',
        params: atQueue,
        querystring: listQuery,
        response: { 200: z.object({ state: z.string(), ids: z.array(z.string()) }) },
      },
    },
    async ({ params, query }) => ({
      state: query.state,
      ids: await sluice.queues.jobs(params.queue, query.state, query.limit),
    }),
  );

  app.get(
    '/v1/queues/:queue/jobs/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Where a job is, and what it waits for',
        params: atJob,
        response: { 200: explanationSchema },
      },
    },
    async ({ params: { queue, id }, caller }) => {
      const explanation = await sluice.job(id, { queue }).explain();
      if (explanation.status === 'unknown') throw unknownJob(id);
      const { request } = explanation;
      if (request === null || caller.may('payload', queue)) return explanation;
      return { ...explanation, request: { ...request, url: withoutQuery(request.url) } };
    },
  );

  app.get(
    '/v1/queues/:queue/jobs/:id/result',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Wait for the end of a job',
        params: atJob,
        querystring: resultQuery,
        headers: waitHeaders,
        response: { 200: ended, 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      const { queue, id } = request.params;
      const seconds = request.query.wait ?? preferredWait(request.headers.prefer);
      await owners.assertMayRead(request.caller, queue, 'job', id);
      const handle = sluice.job(id, { queue });
      using _place = waits.enter();
      const end = await waits.end(handle, seconds * 1000, goneSignal(reply));
      if (end === null) {
        void reply.code(202).header('location', `${pathOf(handle)}/result`);
        return { id, url: pathOf(handle) };
      }
      return wantsBody(request.headers.accept) ? await sendBody(reply, sluice, end) : endOf(id, queue, end);
    },
  );

  app.delete(
    '/v1/queues/:queue/jobs/:id',
    {
      config: { scope: 'cancel' },
      schema: { summary: 'Cancel a job', params: atJob, response: { 200: cancelSchema } },
    },
    async ({ params: { queue, id } }) => {
      const result = await sluice.job(id, { queue }).cancel();
      if (result === 'unknown') throw unknownJob(id);
      return { result };
    },
  );

  app.post(
    '/v1/queues/:queue/jobs/:id/redrive',
    {
      config: { scope: 'operate' },
      schema: {
        summary: 'Send a failed job back to its queue',
        params: atJob,
        querystring: z.strictObject({
          ambiguous: z
            .enum(['true', 'false'])
            .default('false')
            .meta({ description: 'Also if its request may have been performed.' }),
        }),
        response: { 202: acceptedSchema },
      },
    },
    async ({ params: { queue, id }, query }, reply) => {
      const ambiguous = query.ambiguous === 'true';
      const result = await sluice.dead.redrive(queue, id, { ambiguous });
      if (result.ambiguous.length > 0) {
        const message = `job "${id}" may have been performed; ?ambiguous=true sends it again`;
        throw new SluiceError('SLUICE_AMBIGUOUS', message);
      }
      if (result.redriven === 0) throw unknownJob(id);
      return accepted(sluice.job(id, { queue }), reply);
    },
  );
}

function unknownJob(id: string): SluiceError {
  const message = `there is no job "${id}" here, or it is no longer kept`;
  return new SluiceError('SLUICE_RESULT_EXPIRED', message);
}
