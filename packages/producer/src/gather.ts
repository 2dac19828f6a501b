import { waitAborted } from './bounded.ts';
import { type AddOne, enqueueMany, handlesOf } from './enqueue/enqueue-many.ts';
import type { Input, Specs } from './input.ts';
import type { Handle } from './handle.ts';
import type { FetchResponse } from './response.ts';

export interface GatherOptions {
  /** Default: the client's. */
  queue?: string | undefined;
  /** true: every outcome, like `Promise.allSettled`, instead of throwing the first failure. Default false. */
  settled?: boolean | undefined;
  /** Stops taking specs and waiting, and cancels the jobs. Default: none. */
  signal?: AbortSignal | undefined;
}

/** What a gather gives for its input: a list for a list, a tuple for a tuple, a record for a record. */
export type Gathered<T, R = FetchResponse> =
  T extends AsyncIterable<unknown>
    ? R[]
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: R }
      : T extends Iterable<unknown>
        ? R[]
        : { -readonly [K in keyof T]: R };

/** What can be gathered. */
export type Gatherable = Specs | readonly Input[] | Readonly<Record<string, Input>>;

type Result = FetchResponse | PromiseSettledResult<FetchResponse>;

const isRecord = (specs: Gatherable): specs is Readonly<Record<string, Input>> =>
  !(Symbol.iterator in specs || Symbol.asyncIterator in specs);

/** A spec for each, until the signal aborts. */
async function* until(specs: Specs, signal: AbortSignal | undefined): AsyncGenerator<Input, void, undefined> {
  for await (const spec of specs) {
    if (signal?.aborted === true) return;
    yield spec;
  }
}

const aborted = (signal: AbortSignal) =>
  waitAborted(signal, 'stopped waiting for the gathered jobs; they are cancelled');

/** Which failures the caller of a gather receives: all if it asked for all outcomes, else the first one. */
export function failuresTaken({ settled = false, signal }: GatherOptions): () => boolean {
  let isFirst = true;
  return () => {
    const takes = (settled || isFirst) && signal?.aborted !== true;
    isFirst = false;
    return takes;
  };
}

/**
 * Adds all jobs, then awaits all: the responses in input order. Without `settled` the first failure is thrown, as in
 * `asyncio.gather`; the other jobs go on.
 */
export async function gatherJobs(
  add: AddOne,
  input: Gatherable,
  { settled = false, signal }: GatherOptions,
): Promise<Result[] | Record<string, Result>> {
  if (signal?.aborted === true) throw aborted(signal);
  const specs = isRecord(input) ? Object.values(input) : input;
  const handles: Handle[] = [];
  const given = signal === undefined ? specs : until(specs, signal);
  const work = async (): Promise<Result[]> => {
    for await (const handle of handlesOf(enqueueMany(add, given, undefined, {}))) {
      handles.push(handle);
      // It was being added when the caller stopped.
      if (signal?.aborted === true) handle.cancel().catch(() => {});
    }
    const waits = handles.map((handle) => handle.result());
    return await (settled ? Promise.allSettled(waits) : Promise.all(waits));
  };
  const results = await (signal === undefined ? work() : orAbort(work(), handles, signal));
  if (!isRecord(input)) return results;
  return Object.fromEntries(Object.keys(input).map((name, index) => [name, results[index]!]));
}

/** One listener, however many jobs there are. */
async function orAbort(all: Promise<Result[]>, handles: Handle[], signal: AbortSignal): Promise<Result[]> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => {
    reject(aborted(signal));
    for (const handle of handles) handle.cancel().catch(() => {});
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([all, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
