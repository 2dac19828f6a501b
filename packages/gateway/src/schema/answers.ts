import type { Readable } from 'node:stream';
import { errorCodes, outcomeKinds } from '@sluice/shared';
import { z } from 'zod';

const codes = Object.keys(errorCodes) as [keyof typeof errorCodes];
const code = z.enum(codes).meta({ description: 'A code of docs/errors.md.' });
const epochMs = z.number().meta({ description: "Epoch ms of Redis' clock." });
const ms = z.number().meta({ description: 'ms' });
const either = z.union([z.string(), z.array(z.string())]);
/** What JSON can hold; not `z.json()`, whose schema refers to itself. */
const anything = z.unknown().meta({ description: 'Any JSON value.' });

export const problemSchema = z
  .object({
    type: z.url().meta({ description: 'Where the code is explained.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What is wrong with this request.' }),
    code,
    instance: z.string().meta({ description: 'The request in the log of the gateway.' }),
    faults: z
      .array(
        z.object({
          pointer: z.string().meta({ description: 'A JSON pointer into the body: `#/url`.' }),
          detail: z.string(),
        }),
      )
      .exactOptional(),
  })
  .meta({ description: 'Problem details (RFC 9457).' });

const responseHead = z.object({
  status: z.int(),
  headers: z.record(z.string(), either),
  url: z.string().meta({ description: 'The URL that answered, after redirects.' }),
});
const error = z.object({ code, message: z.string() });
const storedBody = z.object({ key: z.string(), bytes: z.int(), sha256: z.string() });

const attemptEnd = z.object({
  n: z.int().meta({ description: 'Which attempt, from 1.' }),
  at: epochMs,
  kind: z.enum(outcomeKinds),
  status: z.int().exactOptional(),
  error: z.string().exactOptional().meta({ description: 'Why it failed, 200 characters at most.' }),
  waitMs: ms.meta({ description: 'How long the next attempt was put off; 0: none follows, or at once.' }),
});

/** How a job ended. */
export const outcomeSchema = z
  .object({
    kind: z
      .enum(outcomeKinds)
      .meta({ description: '`response`: any status that is not retried. Every other kind has an `error`.' }),
    attempts: z.int().meta({ description: 'Attempts made; 0: nothing was ever sent.' }),
    endedAt: epochMs,
    durationMs: ms,
    response: responseHead.exactOptional(),
    error: error.exactOptional(),
    stored: storedBody.exactOptional().meta({ description: 'The body is in the body store.' }),
    transformed: z.object({ name: z.string(), contentType: z.string() }).exactOptional(),
    bodyLeftOut: z.number().exactOptional(),
    ends: z.array(attemptEnd).readonly().exactOptional().meta({
      description: 'The last ten attempts, the newest last. Absent: the only one led to the response.',
    }),
    meta: z.unknown().meta({ description: 'What the caller gave with the job.' }).exactOptional(),
  })
  .meta({ description: 'How a job ended.' });

const body = {
  body: z.string().exactOptional().meta({ description: 'The body as text, if it is UTF-8.' }),
  bodyBase64: z.string().exactOptional().meta({ description: 'The body, if it is no text.' }),
};

/** Bytes that are sent as they come. */
export const bytesSchema = z
  .custom<Readable>()
  .meta({ type: 'string', format: 'binary', description: 'The body of the response alone.' });

/** The end of a job, with its body. */
export const endSchema = z.object({ id: z.string(), queue: z.string(), outcome: outcomeSchema, ...body });

export const acceptedSchema = z.object({
  id: z.string(),
  url: z.string().meta({ description: 'The path of the job; `/result` under it is its outcome.' }),
});

const statuses = ['waiting', 'delayed', 'active', 'completed', 'failed', 'unknown'] as const;
const reasons = [
  'no-policy',
  'paused',
  'held',
  'concurrency',
  'rate',
  'behind',
  'worker',
  'scheduled',
  'backoff',
  'put-off',
  'running',
  'cancelling',
  'ended',
  'unknown',
] as const;

/** Where a job is, and what it waits for. */
export const explanationSchema = z.object({
  queue: z.string(),
  id: z.string(),
  status: z.enum(statuses),
  why: z.enum(reasons).meta({ description: 'What it waits for.' }),
  at: epochMs,
  request: z.object({ method: z.string(), url: z.string() }).nullable(),
  attempts: z.object({ made: z.number(), most: z.number().nullable() }),
  ahead: z.number().nullable().meta({ description: 'Jobs that are taken before it; null: not known.' }),
  until: epochMs.nullable(),
  earliestStart: epochMs.nullable(),
  enqueuedAt: epochMs.nullable(),
  startedAt: epochMs.nullable(),
  worker: z.string().nullable().meta({ description: 'The worker that has it: see /v1/workers.' }),
  runningMs: ms.nullable().meta({ description: 'How long that worker has had it.' }),
  deadline: epochMs.nullable(),
  lastError: z.string().nullable(),
  outcome: z
    .object({
      kind: z.enum([...outcomeKinds, 'unknown']),
      endedAt: epochMs.nullable(),
      status: z.number().nullable(),
      error: error.nullable(),
    })
    .nullable(),
});

export const cancelSchema = z.object({
  result: z
    .enum(['cancelled', 'cancelling', 'ended', 'unknown'])
    .meta({ description: '`cancelling`: a worker has it, and was told to abort it.' }),
});

export const progressSchema = z.object({
  total: z.number().meta({ description: 'Jobs added so far; final when sealed.' }),
  ended: z.number(),
  failed: z.number().meta({ description: 'Of these, the ones that ended without a response.' }),
  sealed: z.boolean(),
  queue: z.string().exactOptional(),
});

/** What a policy is, as it is in force; its fields are explained in docs/configuration.md. */
const policyAnswer = z.record(z.string(), anything).meta({ description: 'The policy in force: see PUT.' });

export const queueStateSchema = z.object({
  name: z.string(),
  policy: policyAnswer,
  paused: z.boolean(),
  gate: z.object({ max: z.number(), duration: z.number() }),
  paceMs: ms.nullable(),
  slowedTo: z.object({ perSecond: z.number(), ceilingPerSecond: z.number() }).nullable(),
  holds: z.array(z.object({ origin: z.string(), forMs: ms })),
  gateOpensInMs: ms,
  counts: z.object({
    waiting: z.number(),
    active: z.number(),
    delayed: z.number(),
    failed: z.number(),
  }),
  sent: z.number(),
  rejected: z.number(),
});

const spec = z.custom<object | null>().meta({
  type: ['object', 'null'],
  description: 'The request; without the scope `payload` only its method, and its URL without query.',
});

export const deadLetterSchema = z.object({
  id: z.string(),
  queue: z.string(),
  code: z.string(),
  failedReason: z.string(),
  kind: z.enum(outcomeKinds).nullable(),
  attempts: z.number(),
  enqueuedAt: epochMs.nullable(),
  failedAt: epochMs,
  spec,
  redrives: z.array(z.object({ at: epochMs, attempts: z.number(), reason: z.string() })),
});

export const scheduleSchema = z.object({
  name: z.string(),
  every: ms.nullable(),
  cron: z.string().nullable(),
  tz: z.string().nullable(),
  request: z.object({ method: z.string(), url: z.string() }),
  next: z.object({ id: z.string(), at: epochMs }),
});

export const workerSchema = z.object({
  id: z.string(),
  pid: z.int(),
  version: z.string(),
  queues: z.union([z.literal('*'), z.array(z.string())]),
  honours: z.array(z.string()),
  since: epochMs,
});
