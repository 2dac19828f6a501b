import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { textType } from './read-body.ts';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type HttpRequest,
  type Keys,
  type NormalSpec,
  SluiceError,
  batchTtlMs,
  claimScript,
  readEnvelopeText,
  validate,
} from '@sluice/shared';
import { z } from 'zod';

const enqueueKeySchema = z.string().min(1, 'must not be empty').max(1000, 'must be at most 1,000 characters');

/** What is known of a job that names itself, by `id` or `idempotencyKey`. */
export type Claim = {
  id: string;
  /** The key of its record. */
  record: string;
  /** The job was added before; there is nothing to add. */
  known: boolean;
};

export type ClaimRequest = {
  queue: string;
  spec: NormalSpec;
  /** The batch that the job goes to; the same request in another batch is another payload. */
  batch: string | undefined;
  /** How long the id or key is remembered, ms. */
  recordMs: number;
  /** What a fault calls the spec. */
  what: string;
};

/**
 * How long a job that names itself is remembered, and how long its outcome is kept, ms. A batch has the outcomes of its
 * jobs. A job that only a stream reads (`brief`) keeps none for its id, so that long inputs do not fill Redis. A key's
 * outcome is always kept: it is the answer to the next call with the key. Pure.
 */
export function retention(
  spec: NormalSpec,
  request: { keepMs?: number | undefined; batch?: { keepMs?: number | undefined }; brief?: boolean },
  ttlMs: number,
  now: number,
): { recordMs: number; keepMs: number | undefined } {
  const { keepMs, batch, brief = false } = request;
  const delayMs = spec.runAt === undefined ? (spec.delayMs ?? 0) : Math.max(0, spec.runAt - now);
  // An id is not free while its outcome can be read; a key's next job has an id of its own.
  const outcomeMs = spec.id === undefined ? 0 : (keepMs ?? 0);
  const recordMs =
    Math.max(ttlMs, outcomeMs, batch === undefined ? 0 : (batch.keepMs ?? batchTtlMs)) + delayMs;
  const keeps = spec.idempotencyKey !== undefined || (spec.id !== undefined && !brief);
  return { recordMs, keepMs: keeps && batch === undefined ? Math.max(keepMs ?? 0, ttlMs) : keepMs };
}

/** A digest of what makes two jobs the same: the request as it is sent, its transform and its batch. Pure. */
export function payloadOf(
  req: HttpRequest,
  transform: string | undefined,
  batch: string | undefined,
): string {
  // 0.1 sent a text without a content type: its records must go on naming the same request.
  const isImplied = ([name, value]: [string, string]) => name === 'content-type' && value === textType;
  const headers = Object.entries(req.headers)
    .filter((header) => !isImplied(header))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    req.method,
    req.url,
    headers,
    req.body ?? null,
    req.base64 ?? false,
    transform ?? null,
    batch ?? null,
  ];
  return hashOf(JSON.stringify(parts));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The records of ids and idempotency keys: the same id or key with the same payload is the same job. */
export class Dedup {
  readonly #keys: Keys;
  readonly #claim: BoundTo<typeof claimScript>;

  constructor(redis: Redis, keys: Keys) {
    this.#keys = keys;
    this.#claim = bindScript(redis, keys, claimScript);
  }

  /**
   * Looks for the job of an enqueue that has a key of its own, and records it if there is none. The request knows nothing
   * of that key.
   * @throws SluiceError SLUICE_KEY_REUSED
   */
  async claimEnqueue({ queue, spec, batch, recordMs, what }: ClaimRequest, key: string): Promise<Claim> {
    validate(enqueueKeySchema, key, 'SLUICE_INVALID_SPEC', `${what}: enqueueKey`);
    const record = this.#keys.record(queue, 'enqueue', hashOf(key));
    // Fresh in any case: a job whose spec names it must not lose its outcome to the claim of another name.
    const proposed = randomUUID();
    const names = [spec.id ?? null, spec.idempotencyKey ?? null];
    const payload = hashOf(JSON.stringify([payloadOf(spec.request, spec.transform, batch), names]));
    const args = { id: proposed, payload, ttlMs: recordMs, isReusable: 0 };
    const { verdict, id } = await this.#claim([queue, proposed, record], args);
    if (verdict === 'conflict') {
      const message = `${what}: enqueueKey: came before with another spec; use a new key for each job, and the same one only to repeat its enqueue`;
      throw new SluiceError('SLUICE_KEY_REUSED', message);
    }
    return { id, record, known: verdict === 'known' };
  }

  /**
   * Looks for the job of the spec's id or key, and records it if there is none. Unless it is known, the caller adds it
   * under the id returned here; if the caller dies first, the next caller with this spec adds it.
   * @returns null for a spec that names no job
   * @throws SluiceError SLUICE_DUPLICATE_ID
   */
  async claim({ queue, spec, batch, recordMs, what }: ClaimRequest): Promise<Claim | null> {
    if (spec.id === undefined && spec.idempotencyKey === undefined) return null;
    const kind = spec.id === undefined ? 'key' : 'id';
    const name = spec.id ?? hashOf(spec.idempotencyKey!);
    const record = this.#keys.record(queue, kind, name);
    const proposed = spec.id ?? randomUUID();
    const payload = payloadOf(spec.request, spec.transform, batch);
    // A key stands for one job, as does an id in a batch (which has the outcome). An id alone is free after its job.
    const reusable = kind === 'id' && batch === undefined;
    const { verdict, id, data } = await this.#claim([queue, proposed, record], {
      id: proposed,
      payload,
      ttlMs: recordMs,
      isReusable: reusable ? 1 : 0,
    });
    if (verdict === 'conflict' || (verdict === 'unrecorded' && payloadIn(data) !== payload)) {
      const taken =
        kind === 'id'
          ? `id "${id}" is taken by a job`
          : `idempotencyKey "${spec.idempotencyKey}" is taken by job "${id}"`;
      throw new SluiceError(
        'SLUICE_DUPLICATE_ID',
        `${what}: ${taken} with another payload; use another ${kind}, or the same request${batch === undefined ? '' : ' in the same batch'}`,
      );
    }
    return { id, record, known: verdict === 'known' || verdict === 'unrecorded' };
  }
}

/** The payload of a job in Redis; null when it cannot be read. */
function payloadIn(data: string): string | null {
  const read = readEnvelopeText(data);
  if (read.type !== 'envelope') return null;
  const { req, transform, batch } = read.envelope;
  return payloadOf(req, transform, batch?.name);
}
