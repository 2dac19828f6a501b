import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type JobSpec, type RequestSpec, timeSchema } from '@sluice/shared';
import { waitAborted } from './bounded.ts';
import type { Handle, ResultOptions, WaitOptions } from './handle.ts';
import type { FetchResponse } from './response.ts';
import type { Parsed } from './schema.ts';

/** `signal` and `deadline` hold whatever happens, also while Redis is away. */
export interface FetchInit extends RequestSpec, WaitOptions {
  /** Default: the client's. */
  queue?: string | undefined;
}

/** What `fetch` takes besides the URL. */
export type FetchOptions<S extends StandardSchemaV1 | undefined = undefined> = FetchInit &
  Pick<ResultOptions<S>, 'schema'>;

/** What a fetch needs of its client. */
export type FetchClient = {
  /** Deadline of a fetch that gives none, ms from its call. */
  deadlineMs: number;
  add: (spec: JobSpec, queue: string, wait: WaitOptions) => Promise<Handle>;
};

/** Enqueues and awaits. */
export async function fetchJob<S extends StandardSchemaV1 | undefined>(
  { deadlineMs, add }: FetchClient,
  url: string | URL,
  queue: string,
  { signal, keep = false, cancel = !keep, schema, ...spec }: Omit<FetchOptions<S>, 'queue'>,
): Promise<FetchResponse<Parsed<S>>> {
  if (signal?.aborted === true) throw waitAborted(signal, 'stopped before the job was enqueued');
  // If it is no time, `add` says so, with the other faults.
  const deadline =
    spec.deadline === undefined
      ? Date.now() + deadlineMs
      : (timeSchema.safeParse(spec.deadline).data ?? spec.deadline);
  const handle = await add({ ...spec, deadline, url }, queue, { signal, cancel });
  return await handle.result({ signal, cancel, ...(schema !== undefined && { schema }) });
}
