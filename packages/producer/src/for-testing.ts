// For @sluice/testing alone: what it shares with `Sluice`, so that it behaves as that does. No public interface.
export { waitAborted } from './bounded.ts';
export { clientClosed } from './closed.ts';
export { payloadOf } from './enqueue/dedup.ts';
export { type AddOne, enqueueMany, handlesOf } from './enqueue/enqueue-many.ts';
export type { EnqueueRequest } from './enqueue/enqueue.ts';
export { policyMissing } from './enqueue/known-queues.ts';
export { isUnread, readBody, withTextType } from './enqueue/read-body.ts';
export { toJob } from './enqueue/to-job.ts';
export { fetchJob } from './fetch.ts';
export { type Gatherable, type Gathered, failuresTaken, gatherJobs } from './gather.ts';
export { runGroup } from './group.ts';
export { Handle } from './handle.ts';
export { endOf, withEnd } from './job-error.ts';
export { Jobs } from './jobs.ts';
export { conflicts } from './queues/policies.ts';
export { requestOf, nameOf } from './request-line.ts';
export { streamJobs } from './stream.ts';
