import type { Redis } from 'ioredis';
import type { BoundTo } from '@sluice/redis';
import {
  type Keys,
  SluiceError,
  fault,
  batchTtlMs,
  decodeSettled,
  duration,
  queueNameSchema,
  type bindBatchScript,
  type sealScript,
  validate,
} from '@sluice/shared';
import { bounded } from '../bounded.ts';
import { readPages } from './pages.ts';
import { endOf, withEnd } from '../job-error.ts';
import { nameOf } from '../request-line.ts';
import type { StoredBodies } from '../stored-bodies.ts';
import type { EndedItem } from '../stream.ts';

/** How long a batch is kept. Not longer than the stored bodies of its outcomes. */
export const batchKeepSchema = duration({ min: 60_000, max: batchTtlMs });

/** How far a batch is. It is complete when `sealed` and `ended >= total`. */
export type BatchProgress = {
  /** Jobs added so far; final when sealed. */
  total: number;
  /** Jobs that ended, whose outcomes can be read. */
  ended: number;
  /** Of these, the ones that ended without a response. */
  failed: number;
  sealed: boolean;
  /** The queue that all its jobs are of; absent: they may be of several. */
  queue?: string;
};

/** The outcome of one job of a batch. `index`: position of its spec in the `enqueueMany` that added it. */
export type BatchItem = EndedItem & {
  /** Where to read on after this one. */
  cursor: string;
};

export type ResultsOptions = {
  /** Begins after this one. Default: with the first outcome. */
  cursor?: string;
  /** Ends the reading. The outcomes stay; the last cursor says where to read on. */
  signal?: AbortSignal;
  /** true (default): waits for outcomes until the batch is sealed and complete; false: ends with those there are. */
  follow?: boolean;
};

/** What batches need of their client. */
export type BatchClient = {
  redis: Redis;
  keys: Keys;
  /** Opens a connection that may block. */
  open: (signal: AbortSignal) => Promise<Redis>;
  /** How long such a connection may block, ms. */
  blockMs: number;
  /** Aborts when the client is closed. */
  closed: AbortSignal;
  /** Those of the responses, where they are stored. */
  bodies: StoredBodies;
  seal: BoundTo<typeof sealScript>;
  bind: BoundTo<typeof bindBatchScript>;
};

/** The error of a batch that takes no more jobs. */
export function batchSealed(name: string): SluiceError {
  return new SluiceError(
    'SLUICE_BATCH_SEALED',
    `batch "${name}" is sealed; use another name, or give every enqueueMany but the last { seal: false }`,
  );
}

/** The error of a batch that is not for this queue. It does not say whose it is. */
export function batchBound(name: string): SluiceError {
  const message = `batch "${name}" has jobs of another queue; use another name`;
  return new SluiceError('SLUICE_BATCH_BOUND', message);
}

/**
 * A named set of jobs. Redis keeps its outcomes in the order in which the jobs ended, for 7 days after the last one (or
 * less: `batchKeep` of `enqueueMany`); `remove` frees them sooner. Any process can add jobs and read outcomes. Made
 * by `sluice.batch`.
 */
export class Batch {
  readonly name: string;
  readonly #client: BatchClient;
  readonly #stream: string;
  readonly #state: string;

  /** @throws SluiceError SLUICE_INVALID_SPEC for a name that no batch can have */
  constructor(name: string, client: BatchClient) {
    this.name = validate(queueNameSchema, name, 'SLUICE_INVALID_SPEC', `batch "${name}"`);
    this.#client = client;
    this.#stream = client.keys.batch(name);
    this.#state = client.keys.batchState(name);
  }

  async progress(): Promise<BatchProgress> {
    return (await this.#look()) ?? { total: 0, ended: 0, failed: 0, sealed: false };
  }

  /**
   * The outcomes, in the order in which the jobs ended. Ends when the batch is sealed and all were read. Any process
   * can read on from a cursor, and reads nothing twice. If the batch does not exist yet, waits for it.
   * @throws SluiceError SLUICE_RESULT_EXPIRED when the batch is gone; SLUICE_INVALID_SPEC for a bad cursor;
   *   SLUICE_CLOSED
   */
  async *results(options: ResultsOptions = {}): AsyncGenerator<BatchItem, void, undefined> {
    const { cursor = '0-0', follow = true } = options;
    const { open, blockMs, closed } = this.#client;
    const signals = [closed, ...(options.signal === undefined ? [] : [options.signal])];
    const signal = AbortSignal.any(signals);
    if (!/^\d{1,20}-\d{1,20}$/.test(cursor)) {
      const message = `batch "${this.name}": cursor: "${cursor}" is not a cursor; give the cursor of an item`;
      throw new SluiceError('SLUICE_INVALID_SPEC', message, {
        faults: [fault(['cursor'], 'is not a cursor')],
      });
    }
    let seen = cursor !== '0-0';
    // Checked before each read: what had ended by then is in the stream, so an empty read means that all was read.
    const goesOn = async () => {
      const state = await bounded(this.#look(), { signal });
      if (state === null && seen) {
        const message = `batch "${this.name}" was removed, or its outcomes are no longer kept`;
        throw new SluiceError('SLUICE_RESULT_EXPIRED', message);
      }
      seen ||= state !== null;
      return follow && !(state !== null && state.sealed && state.ended >= state.total);
    };
    const pages = readPages({ open, blockMs, stream: this.#stream, cursor, signal, goesOn });
    for await (const { id: cursor, fields } of pages) {
      const values = new Map<string, Buffer>();
      for (let at = 0; at + 1 < fields.length; at += 2) values.set(fields[at]!.toString(), fields[at + 1]!);
      const settled = values.get('settled');
      // The entry that seals the batch has no outcome.
      if (settled === undefined) continue;
      const end = decodeSettled(settled)!;
      const id = String(values.get('id'));
      const item = { cursor, id, index: Number(values.get('index')), outcome: end.outcome, body: end.body };
      // Of a failed job: only a worker of 0.1 leaves its queue and its request out.
      const known = (name: string) => values.get(name)?.toString();
      const [queue, method, url] = [known('queue'), known('method'), known('url')];
      const job = nameOf({ id, queue, batch: this.name, method, url }, end);
      yield withEnd(item, () => endOf(end, this.#client.bodies.opener, job));
    }
    if (closed.aborted && options.signal?.aborted !== true) {
      throw new SluiceError(
        'SLUICE_CLOSED',
        'the client was closed; read on from the last cursor with another client',
      );
    }
  }

  /**
   * Creates the batch for the jobs of one queue: `enqueueMany` then refuses those of others. Binding it to the same queue
   * again changes nothing.
   * @throws SluiceError SLUICE_BATCH_BOUND when it is another queue's, or was created without one
   */
  async bind(queue: string): Promise<void> {
    validate(queueNameSchema, queue, 'SLUICE_INVALID_SPEC', `queue "${queue}"`);
    const bound = await this.#client.bind([this.name], { queue, ttlMs: batchTtlMs });
    if (bound !== queue) throw batchBound(this.name);
  }

  /**
   * Says that no more jobs will be added, so that readers end when all jobs have ended. `enqueueMany` seals at its end;
   * call this yourself after `{ seal: false }`, or when the process that filled the batch is gone for good. Sealing it
   * again changes nothing.
   */
  async seal(): Promise<void> {
    await this.#client.seal([this.name], { ttlMs: batchTtlMs });
  }

  /** Removes the outcomes and the counts. Jobs that have not ended go on: remove a batch when it is complete. */
  async remove(): Promise<void> {
    await this.#client.redis.unlink(this.#stream, this.#state);
  }

  async #look(): Promise<BatchProgress | null> {
    const names = ['total', 'ended', 'failed', 'sealed'];
    const [queue = null, ...values] = await this.#client.redis.hmget(this.#state, 'queue', ...names);
    if (queue === null && values.every((value) => value === null)) return null;
    const [total, ended, failed, sealed] = values.map((value) => Number(value ?? 0));
    const progress = { total: total!, ended: ended!, failed: failed!, sealed: sealed === 1 };
    return queue === null ? progress : { ...progress, queue };
  }
}
