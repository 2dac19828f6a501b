import { type Duration, type ErrorCode, SluiceError } from '@sluice/shared';
import { type Batch, batchBound, batchKeepSchema } from '../batch/batch.ts';
import { bounded } from '../bounded.ts';
import type { EnqueueOptions, EnqueueRequest } from './enqueue.ts';
import type { Input, Specs } from '../input.ts';
import type { Handle } from '../handle.ts';
import { durationOption } from '../options.ts';

/** Adds under way at once: enough to hide the way to Redis, few enough to hold in memory. */
const addsInFlight = 200;

/** Adds one job of many; `what` is what a fault calls its spec. */
export type AddOne = (spec: Input, what: string, batch?: EnqueueRequest['batch']) => Promise<Handle>;

/** What may be said of many specs, and of the batch that they fill. */
export interface BatchOptions {
  /** The outcomes are added to this batch, and this process need not stay for them. Default: no batch. */
  batch?: string | undefined;
  /** How long the batch is kept after its last outcome: `"1d"`, or ms. 1 min to 7 days (default). */
  batchKeep?: Duration | undefined;
  /** @deprecated `batchKeep`. ms */
  batchKeepMs?: number | undefined;
  /** At the end of the input the batch takes no more jobs. Default true. */
  seal?: boolean | undefined;
  /** Yields the faults of a spec, instead of throwing at the first. Default false. */
  settled?: boolean | undefined;
}

/** What `enqueueMany` takes besides the specs. A key names one enqueue, so it cannot name many. */
export interface ManyOptions extends Omit<EnqueueOptions, 'enqueueKey'>, BatchOptions {}

/** What became of one spec of many. `index`: its position in the input, from 0. */
export type EnqueuedItem =
  | { index: number; handle: Handle; error: undefined }
  | { index: number; handle: undefined; error: SluiceError };

/** The faults of one spec: those beside it may have none. */
const ownFaults: ReadonlySet<ErrorCode> = new Set([
  'SLUICE_INVALID_SPEC',
  'SLUICE_DUPLICATE_ID',
  'SLUICE_BLOCKED',
]);

async function itemOf(index: number, added: Promise<Handle>): Promise<EnqueuedItem> {
  try {
    return { index, handle: await added, error: undefined };
  } catch (error) {
    if (error instanceof SluiceError && ownFaults.has(error.code)) return { index, handle: undefined, error };
    throw error;
  }
}

/** Adds jobs, a bounded number at once, and yields what became of each, in input order. */
export async function* enqueueMany(
  add: AddOne,
  specs: Specs,
  batch: Batch | undefined,
  options: ManyOptions,
): AsyncGenerator<EnqueuedItem, void, undefined> {
  const { seal = true, signal, settled = false } = options;
  const keepMs = durationOption(
    batchKeepSchema,
    options,
    ['batchKeep', 'batchKeepMs'],
    'SLUICE_INVALID_SPEC',
  );
  let sealed = false;
  if (batch !== undefined) {
    const progress = await bounded(batch.progress(), { signal });
    if (progress.queue !== undefined && progress.queue !== options.queue) throw batchBound(batch.name);
    ({ sealed } = progress);
  }
  const inFlight: Promise<EnqueuedItem>[] = [];
  let index = 0;
  for await (const spec of specs) {
    const position = batch === undefined ? undefined : { name: batch.name, index, sealed, keepMs };
    const added = itemOf(index, add(spec, `job spec [${index++}]`, position));
    added.catch(() => {}); // thrown below, when its turn comes
    inFlight.push(added);
    if (inFlight.length >= addsInFlight) yield checked(await inFlight.shift()!, settled);
  }
  for (const added of inFlight) yield checked(await added, settled);
  if (seal && batch !== undefined) await bounded(batch.seal(), { signal });
}

function checked(item: EnqueuedItem, settled: boolean): EnqueuedItem {
  if (item.error !== undefined && !settled) throw item.error;
  return item;
}

/** The handles of items that have no faults. */
export async function* handlesOf(
  items: AsyncGenerator<EnqueuedItem, void, undefined>,
): AsyncGenerator<Handle, void, undefined> {
  for await (const { handle } of items) yield handle!;
}
