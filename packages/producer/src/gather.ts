import { type AddOne, enqueueMany } from './enqueue/enqueue-many.ts';
import type { Specs } from './enqueue/enqueue.ts';
import type { Handle } from './handle.ts';
import type { FetchResponse } from './response.ts';

/**
 * Adds all jobs, then awaits all: the responses in input order. Without `settled` the first failure is thrown, as in
 * `asyncio.gather`; the other jobs go on.
 */
export async function gatherJobs(
  add: AddOne,
  specs: Specs,
  settled: boolean,
): Promise<FetchResponse[] | PromiseSettledResult<FetchResponse>[]> {
  const handles: Handle[] = [];
  for await (const handle of enqueueMany(add, specs, undefined, {})) handles.push(handle);
  const results = handles.map((handle) => handle.result());
  return await (settled ? Promise.allSettled(results) : Promise.all(results));
}
