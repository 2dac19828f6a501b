import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Sluice } from '@sluice/producer';
import { SluiceError, jobSpecSchema, queueNameSchema } from '@sluice/shared';
import { z } from 'zod';
import { withBeats } from '../answers/beats.ts';
import { endOf } from '../answers/end.ts';
import type { App } from '../app.ts';
import type { Caller } from '../auth/caller.ts';
import type { Owners } from '../auth/owners.ts';
import { endSchema, progressSchema } from '../schema/answers.ts';
import { documented } from '../schema/compile.ts';
import { goneSignal, whenClosed } from '../waiting/gone.ts';
import type { Waits } from '../waiting/waits.ts';
import { atBatch, atQueue, flag, limit } from './parameters.ts';
import { Tally, lineFault, mostFaults } from './tally.ts';

const upload = z.strictObject({
  batch: queueNameSchema
    .optional()
    .meta({ description: 'The name of the batch. Default: one of the gateway.' }),
  seal: flag(true, '`false`: the batch takes more uploads. Default `true`.'),
});
const uploaded = z.object({
  batch: z.string(),
  url: z.string().meta({ description: 'The path of the batch.' }),
  added: z.int(),
  existed: z.int().meta({ description: 'Jobs that an earlier upload had added.' }),
  faulty: z.int(),
  sealed: z.boolean(),
  faults: z.array(lineFault).meta({ description: `At most ${mostFaults}.` }),
});
const created = z.object({ batch: z.string(), url: z.string() });
const item = endSchema.omit({ queue: true }).extend({ index: z.int(), cursor: z.string() });

/** Where to read on: what an item has as its `cursor`. */
const cursor = z.string().regex(/^\d{1,20}-\d{1,20}$/, 'must be the cursor of an item');

const pathOf = (queue: string, batch: string) => `/v1/queues/${queue}/batches/${batch}`;

/** What the routes of batches need: the server's parts. */
export type BatchParts = { sluice: Sluice; patient: Sluice; waits: Waits; owners: Owners };

/** Batches: upload jobs line by line, see how far they are, read their outcomes. */
export function batchRoutes(app: App, { sluice, patient, waits, owners }: BatchParts): void {
  // As it comes, so that an upload of any length takes little memory.
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));

  const create = async (caller: Caller, queue: string, batch: string) => {
    // Or a typo in the queue would take the name of the batch. It throws, with what was probably meant.
    if (!(await sluice.queues.list()).includes(queue)) await sluice.queues.show(queue);
    const one = sluice.batch(batch);
    await owners.batch(caller, queue, batch, async () => {
      const { total, queue: bound } = await one.progress();
      return total > 0 || bound !== undefined;
    });
    await one.bind(queue);
  };

  app.post(
    '/v1/queues/:queue/jobs/batch',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Enqueue many jobs: one spec a line',
        description:
          'A line without an `id` gets `BATCH.LINE`, so that the same upload again adds only what is missing. The answer comes when all was read.',
        params: atQueue,
        querystring: upload,
        body: {
          content: {
            'application/x-ndjson': {
              schema: documented(jobSpecSchema.meta({ description: 'A job spec in each line.' })),
            },
          },
        },
        response: { 202: uploaded },
      },
    },
    async (request, reply) => {
      const { queue } = request.params;
      const { batch = `b-${randomUUID()}`, seal } = request.query;
      if (!(request.body instanceof Readable)) {
        throw new SluiceError('SLUICE_MEDIA_TYPE', 'send the lines as application/x-ndjson');
      }
      await create(request.caller, queue, batch);
      const tally = new Tally();
      const options = { queue, batch, seal, settled: true } as const;
      for await (const one of patient.enqueueMany(tally.specs(request.body, batch), options))
        tally.count(one);
      const { added, existed, faulty, faults } = tally;
      const url = pathOf(queue, batch);
      void reply.code(202).header('location', url);
      return { batch, url, added, existed, faulty, sealed: seal, faults };
    },
  );

  app.post(
    '/v1/queues/:queue/batches',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Create a batch',
        params: atQueue,
        body: z.strictObject({ name: queueNameSchema.optional() }),
        response: { 201: created },
      },
    },
    async ({ caller, params: { queue }, body }, reply) => {
      const batch = body.name ?? `b-${randomUUID()}`;
      await create(caller, queue, batch);
      const url = pathOf(queue, batch);
      void reply.code(201).header('location', url);
      return { batch, url };
    },
  );

  const progressOf = async (queue: string, name: string) => {
    const progress = await sluice.batch(name).progress();
    if (progress.queue === queue) return progress;
    // Whether another queue has one of this name is not for this caller to know.
    throw new SluiceError('SLUICE_RESULT_EXPIRED', `queue "${queue}" has no batch "${name}"`);
  };
  app.get(
    '/v1/queues/:queue/batches/:name',
    {
      config: { scope: 'enqueue' },
      schema: { summary: 'How far a batch is', params: atBatch, response: { 200: progressSchema } },
    },
    async ({ caller, params: { queue, name } }) => {
      if (!caller.may('read', queue)) await owners.assertMayRead(caller, queue, 'batch', name);
      return await progressOf(queue, name);
    },
  );
  app.post(
    '/v1/queues/:queue/batches/:name/seal',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'Say that a batch takes no more jobs',
        params: atBatch,
        response: { 200: progressSchema },
      },
    },
    async ({ caller, params: { queue, name } }) => {
      await owners.assertMayRead(caller, queue, 'batch', name);
      await progressOf(queue, name);
      await sluice.batch(name).seal();
      return await progressOf(queue, name);
    },
  );

  app.get(
    '/v1/queues/:queue/batches/:name/results',
    {
      config: { scope: 'enqueue' },
      schema: {
        summary: 'The outcomes of a batch, in the order of their ends',
        description:
          'One JSON object a line. Read on from the `cursor` of the last one. As server-sent events (`Accept: text/event-stream`) the stream goes on until the batch is complete; `Last-Event-ID` is a cursor.',
        params: atBatch,
        querystring: z.strictObject({
          cursor: cursor.optional(),
          limit: limit(100_000, 1000),
          follow: flag(
            false,
            '`true`: waits for more, until the batch is complete. A blank line every 15 s says that it still waits.',
          ),
        }),
        headers: z.looseObject({
          'last-event-id': cursor.optional(),
          accept: z.string().optional(),
        }),
        response: {
          200: {
            content: {
              'application/x-ndjson': { schema: item },
              'text/event-stream': {
                schema: z.string().meta({ description: 'Events whose data is such a line.' }),
              },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { queue, name } = request.params;
      const { cursor: start, limit, follow } = request.query;
      await owners.assertMayRead(request.caller, queue, 'batch', name);
      const place = waits.enter();
      whenClosed(reply, () => place[Symbol.dispose]());
      await progressOf(queue, name);
      const isEvents = request.headers.accept?.includes('text/event-stream') === true;
      const after = request.headers['last-event-id'] ?? start;
      const signal = AbortSignal.any([waits.closing, goneSignal(reply)]);
      const results = sluice.batch(name).results({
        follow: follow || isEvents,
        signal,
        ...(after !== undefined && { cursor: after }),
      });
      const text = async function* () {
        let count = 0;
        for await (const { id, index, cursor, outcome, body } of results) {
          const { queue: _, ...end } = endOf(id, queue, { outcome, body });
          const line = JSON.stringify({ cursor, index, ...end });
          yield isEvents ? `id: ${cursor}\ndata: ${line}\n\n` : `${line}\n`;
          count += 1;
          if (!isEvents && !follow && count >= limit) return;
        }
        if (isEvents && !signal.aborted) yield 'event: complete\ndata:\n\n';
      };
      const stream = isEvents || follow ? withBeats(text(), isEvents ? ':\n\n' : '\n') : text();
      void reply.header('cache-control', 'no-store');
      void reply.type(isEvents ? 'text/event-stream' : 'application/x-ndjson');
      return await reply.send(Readable.from(stream, { objectMode: false }) as never);
    },
  );
}
