import type { Duration } from '@sluice/shared';
import { type Batch, batchKeepSchema } from '../batch/batch.ts';
import { bounded } from '../bounded.ts';
import type { EnqueueRequest } from './enqueue.ts';
import type { Input, Specs } from '../input.ts';
import type { Handle } from '../handle.ts';
import { durationOption } from '../options.ts';

/** Adds under way at once: enough to hide the way to Redis, few enough to hold in memory. */
const addsInFlight = 200;

/** Adds one job of many; `what` is what a fault calls its spec. */
export type AddOne = (spec: Input, what: string, batch?: EnqueueRequest['batch']) => Promise<Handle>;

/** What may be said of a batch that is filled. */
export interface BatchOptions {
  /** The outcomes are added to this batch, and this process need not stay for them. Default: no batch. */
  batch?: string | undefined;
  /** How long the batch is kept after its last outcome: `"1d"`, or ms. 1 min to 7 days (default). */
  batchKeep?: Duration | undefined;
  /** @deprecated `batchKeep`. ms */
  batchKeepMs?: number | undefined;
  /** At the end of the input the batch takes no more jobs. Default true. */
  seal?: boolean | undefined;
}

/** Adds jobs, a bounded number at once, and yields their handles in input order. */
export async function* enqueueMany(
  add: AddOne,
  specs: Specs,
  batch: Batch | undefined,
  options: BatchOptions & { signal?: AbortSignal | undefined },
): AsyncGenerator<Handle, void, undefined> {
  const { seal = true, signal } = options;
  const keepMs = durationOption(
    batchKeepSchema,
    options,
    ['batchKeep', 'batchKeepMs'],
    'SLUICE_INVALID_SPEC',
  );
  const sealed = batch === undefined ? false : (await bounded(batch.progress(), { signal })).sealed;
  const inFlight: Promise<Handle>[] = [];
  let index = 0;
  for await (const spec of specs) {
    const position = batch === undefined ? undefined : { name: batch.name, index, sealed, keepMs };
    const added = add(spec, `job spec [${index++}]`, position);
    added.catch(() => {}); // thrown below, when its turn comes
    inFlight.push(added);
    if (inFlight.length >= addsInFlight) yield await inFlight.shift()!;
  }
  for (const added of inFlight) yield await added;
  if (seal && batch !== undefined) await bounded(batch.seal(), { signal });
}
