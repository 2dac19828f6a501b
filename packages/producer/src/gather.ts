import type { Handle } from './handle.ts';
import { type FetchResponse } from './response.ts';

/**
 * The responses of jobs, in the order of the handles. Without `settled` the first failure is thrown, as by
 * `asyncio.gather`; the other jobs go on.
 */
export async function gatherResults(
  handles: readonly Handle[],
  settled: true,
): Promise<PromiseSettledResult<FetchResponse>[]>;
export async function gatherResults(handles: readonly Handle[], settled: false): Promise<FetchResponse[]>;
export async function gatherResults(
  handles: readonly Handle[],
  settled: boolean,
): Promise<FetchResponse[] | PromiseSettledResult<FetchResponse>[]> {
  const results = handles.map((handle) => handle.result());
  return await (settled ? Promise.allSettled(results) : Promise.all(results));
}
