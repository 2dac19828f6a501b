import {
  type Envelope,
  type HttpRequest,
  type JobSpec,
  type Outcome,
  type OutcomeKind,
  codeOfOutcome,
  decodeSettled,
  envelopeSchema,
  readEnvelope,
  isObject,
} from '@sluice/shared';

/** How many redrives a job remembers: the last ones. */
const redrivesKept = 20;

/** How long the outcome of a redriven job can be read by its id if its spec does not say, ms: nobody awaits it. */
const redrivenKeepMs = 3_600_000;

/** A failure after which an operator redrove the job. `at`: when, epoch ms. */
export type Redrive = { at: number; attempts: number; reason: string };

/** A spec as JSON can hold it. `timeoutMs` and `deadline` are ms and epoch ms. */
export interface PlainSpec extends JobSpec {
  url: string;
  headers?: Record<string, string> | undefined;
  body?: string | undefined;
  deadline?: number | undefined;
}

/** A failed job. Times are epoch ms; `enqueuedAt` is null where the job has none. */
export type DeadLetter = {
  id: string;
  queue: string;
  /** Why it failed: a code of docs/errors.md. */
  code: string;
  /** `CODE: sentence`. */
  failedReason: string;
  /** How it ended, by its code; null: no kind has this code. `ambiguous`: its request may have been performed. */
  kind: OutcomeKind | null;
  /** Attempts made. */
  attempts: number;
  enqueuedAt: number | null;
  failedAt: number;
  /** The request as it can be enqueued again; null where the job cannot be read. */
  spec: PlainSpec | null;
  /** The failures after which it was redriven, oldest first. */
  redrives: Redrive[];
};

/** A failed job, with the end of its last attempt. */
export type DeadLetterDetail = DeadLetter & {
  /** null where it was not kept (the job could not be read). */
  outcome: Outcome | null;
  /** The body of the last response, up to 64 KiB; of a larger one `outcome.bodyLeftOut` has the size. */
  body: Uint8Array;
  /** The job's data as stored in Redis; null where it has none. */
  data: string | null;
};

/** The fields that we read of BullMQ's hash of a job. */
export type JobFields = {
  data: string | null;
  failedReason: string | null;
  timestamp: string | null;
  attemptsMade: string | null;
  priority: string | null;
  outcome: Buffer | null;
};

/** The data as an object, whatever version wrote it; null if it is not an object. */
export function readData(data: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(data ?? '');
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const optional = ['timeoutMs', 'attempts', 'retry', 'deadline', 'meta', 'delivery', 'transform'];

function specOf(data: Record<string, unknown>, priority: number): PlainSpec | null {
  const parsed = envelopeSchema.shape.req.safeParse(data['req']);
  if (!parsed.success) return null;
  const { body, base64, url, method, headers }: HttpRequest = parsed.data;
  const options = optional.filter((name) => data[name] !== undefined).map((name) => [name, data[name]]);
  return {
    url,
    method,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(body !== undefined && (base64 ? { bodyBase64: body } : { body })),
    ...(priority > 0 && { priority }),
    ...(Object.fromEntries(options) as Partial<PlainSpec>),
  };
}

function redrivesOf(data: Record<string, unknown> | null): Redrive[] {
  return envelopeSchema.shape.redrives.safeParse(data?.['redrives']).data ?? [];
}

const kinds = new Map(
  Object.entries(codeOfOutcome).map(([kind, code]) => [code as string, kind as OutcomeKind]),
);

function kindOf(code: string): OutcomeKind | null {
  return code === 'SLUICE_UNKNOWN_TRANSFORM' ? 'transform-error' : (kinds.get(code) ?? null);
}

/** The fields of a failed job as a dead letter. Pure. @param failedAt epoch ms */
export function deadLetterOf(
  queue: string,
  id: string,
  failedAt: number,
  fields: JobFields,
): DeadLetterDetail {
  const data = readData(fields.data);
  const settled = fields.outcome === null ? null : decodeSettled(fields.outcome);
  const failedReason = fields.failedReason ?? '';
  const code = /^SLUICE_[A-Z_]+/.exec(failedReason)?.[0] ?? 'SLUICE_INTERNAL';
  const enqueuedAt = Number(fields.timestamp ?? 0);
  return {
    id,
    queue,
    code,
    failedReason,
    kind: kindOf(code),
    attempts: settled?.outcome.attempts ?? Number(fields.attemptsMade ?? 0),
    enqueuedAt: Number.isSafeInteger(enqueuedAt) && enqueuedAt > 0 ? enqueuedAt : null,
    failedAt,
    spec: data === null ? null : specOf(data, Number(fields.priority ?? 0)),
    redrives: redrivesOf(data),
    outcome: settled?.outcome ?? null,
    body: settled?.body ?? new Uint8Array(),
    data: fields.data,
  };
}

/**
 * The data of a redriven job, with its failure on its list. Pure.
 *
 * A deadline that has passed is dropped, or the job would expire at once. The job leaves its batch, which has its
 * outcome already and counts each job once.
 * @param now epoch ms
 * @returns null for data that no worker could read: it would only fail again
 */
export function redrivenData(
  letter: DeadLetterDetail,
  now: number,
): { data: string; deadline: number | null } | null {
  const before = readData(letter.data);
  if (before === null || readEnvelope(before).type === 'unreadable') return null;
  const { batch: _batch, deadline, ...kept } = before as Partial<Envelope>;
  const left = deadline !== undefined && deadline > now ? deadline : null;
  const redrive = { at: now, attempts: letter.attempts, reason: letter.failedReason };
  const data = {
    ...kept,
    ...(left !== null && { deadline: left }),
    keepMs: kept.keepMs ?? redrivenKeepMs,
    redrives: [...letter.redrives, redrive].slice(-redrivesKept),
  };
  return { data: JSON.stringify(data), deadline: left };
}
