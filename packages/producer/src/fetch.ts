import { type JobSpec, type RequestSpec, SluiceError, timeSchema } from '@sluice/shared';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Handle, ResultOptions, WaitOptions } from './handle.ts';
import type { Jobs } from './jobs.ts';
import type { Replies } from './replies/replies.ts';
import type { FetchResponse } from './response.ts';
import type { Parsed } from './schema.ts';

export interface FetchInit extends RequestSpec, WaitOptions {
  /** Default: the client's. */
  queue?: string | undefined;
}

/** What `fetch` takes besides the URL. */
export type FetchOptions<S extends StandardSchemaV1 | undefined = undefined> = FetchInit &
  Pick<ResultOptions<S>, 'schema'>;

/** Workers end a job within this of its deadline; a job that still waits then has no worker. */
const deadlineGraceMs = 1500;

const longestTimerMs = 2 ** 31 - 1;

/** What a fetch needs of its client. */
export type FetchClient = {
  jobs: Jobs;
  replies: Replies;
  /** Deadline of a fetch that gives none, ms from its call. */
  deadlineMs: number;
  add: (spec: JobSpec, queue: string) => Promise<Handle>;
};

/** Enqueues and awaits. Perhaps nobody else knows of the job, so this looks for its end at its deadline. */
export async function fetchJob<S extends StandardSchemaV1 | undefined>(
  { jobs, replies, deadlineMs, add }: FetchClient,
  url: string | URL,
  queue: string,
  { signal, keep = false, cancel = !keep, schema, ...spec }: Omit<FetchOptions<S>, 'queue'>,
): Promise<FetchResponse<Parsed<S>>> {
  if (signal?.aborted === true) {
    throw new SluiceError('SLUICE_WAIT_ABORTED', 'stopped before the job was enqueued', {
      cause: signal.reason,
    });
  }
  // If it is no time, `add` says so, with the other faults.
  const deadline = timeSchema.safeParse(spec.deadline ?? Date.now() + deadlineMs).data;
  const handle = await add({ ...spec, deadline: deadline ?? spec.deadline, url }, queue);
  const overdue = async () => {
    try {
      // No reply comes for a job that is gone without an outcome (its queue was removed), or whose outcome went to
      // nobody (the job could not be read, so nobody knew who awaits it). Only this look ends it.
      const found = await jobs.expire(queue, handle.id);
      if (found === 'unknown' || found === 'ended') await replies.watch(queue, handle.id);
    } catch {
      // Whoever awaits the outcome gets the error.
    }
  };
  const overdueMs = deadline! - Date.now() + deadlineGraceMs;
  const timer = setTimeout(() => void overdue(), Math.min(longestTimerMs, overdueMs));
  try {
    return await handle.result({ signal, cancel, ...(schema !== undefined && { schema }) });
  } finally {
    clearTimeout(timer);
  }
}
