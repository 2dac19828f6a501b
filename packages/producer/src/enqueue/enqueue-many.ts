import { type JobSpec, validate } from '@sluice/shared';
import { bounded } from '../bounded.ts';
import { type Batch, batchKeepMsSchema } from '../batch/batch.ts';
import type { EnqueueRequest, Specs } from './enqueue.ts';
import type { Handle } from '../handle.ts';

/** Adds under way at once: enough to hide the way to Redis, few enough to hold in memory. */
const addsInFlight = 200;

/** Adds one job of many; `what` is what a fault calls its spec. */
export type AddOne = (
  spec: string | JobSpec,
  what: string,
  batch?: EnqueueRequest['batch'],
) => Promise<Handle>;

/** Adds jobs, a bounded number at once, and yields their handles in input order. */
export async function* enqueueMany(
  add: AddOne,
  specs: Specs,
  batch: Batch | undefined,
  {
    batchKeepMs,
    seal = true,
    signal,
  }: { batchKeepMs?: number | undefined; seal?: boolean | undefined; signal?: AbortSignal | undefined },
): AsyncGenerator<Handle, void, undefined> {
  const keepMs = validate(batchKeepMsSchema.optional(), batchKeepMs, 'SLUICE_INVALID_SPEC', 'batchKeepMs');
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
