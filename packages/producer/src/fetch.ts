import type { JobSpec } from '@sluice/shared';
import { waitAborted } from './bounded.ts';
import type { Handle, WaitOptions } from './handle.ts';
import type { FetchResponse } from './response.ts';

/** `signal` and `deadline` hold whatever happens, also while Redis is away. */
export type FetchInit = Omit<JobSpec, 'url'> & WaitOptions & { queue?: string };

/** What a fetch needs of its client. */
export type FetchClient = {
  /** Deadline of a fetch that gives none, ms from its call. */
  deadlineMs: number;
  add: (spec: JobSpec, queue: string, wait: WaitOptions) => Promise<Handle>;
};

/** Enqueues and awaits. */
export async function fetchJob(
  { deadlineMs, add }: FetchClient,
  url: string,
  queue: string,
  { signal, keep, ...spec }: Omit<FetchInit, 'queue'>,
): Promise<FetchResponse> {
  if (signal?.aborted === true) throw waitAborted(signal, 'stopped before the job was enqueued');
  const wait = {
    ...(signal === undefined ? {} : { signal }),
    ...(keep === undefined ? {} : { keep }),
  };
  const deadline = spec.deadline ?? Date.now() + deadlineMs;
  const handle = await add({ ...spec, deadline, url }, queue, wait);
  return await handle.result(wait);
}
