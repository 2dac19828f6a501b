export { Batch, type BatchItem, type BatchProgress, type ResultsOptions } from './batch/batch.ts';
export type { BodyStore } from '@sluice/body-store';
export { ApiClient, type ApiClientOptions, StatusError } from './api-client.ts';
export { Sluice } from './client.ts';
export type { EnqueueOptions, Specs } from './enqueue/enqueue.ts';
export type { Explanation, JobReason } from './explain/explanation.ts';
export type { FetchInit } from './fetch.ts';
export { type ConnectOptions, connect } from './connect.ts';
export type { DeadLetter, DeadLetterDetail, Redrive } from './dead/dead-letter.ts';
export {
  type DeadListOptions,
  DeadLetters,
  type DeadSelection,
  type RedriveOptions,
  type RedriveResult,
} from './dead/dead-letters.ts';
export { Group } from './group.ts';
export { Handle, type WaitOptions } from './handle.ts';
export type { CancelResult, JobStatus } from './jobs.ts';
export {
  type OnConflict,
  Policies,
  type PolicyChange,
  type PolicyUpdate,
  conflicts,
} from './queues/policies.ts';
export type { Overview, OverviewLook, QueueFigures } from './queues/overview.ts';
export { type QueueState, Queues } from './queues/queues.ts';
export { Lease } from './semaphore/lease.ts';
export {
  type RecurringSpec,
  type Schedule,
  type ScheduleOptions,
  Schedules,
  type When,
} from './queues/schedules.ts';
export { Semaphore, type SemaphoreOptions } from './semaphore/semaphore.ts';
export { FetchResponse, JobError } from './response.ts';
export type { StreamItem, StreamOptions } from './stream.ts';
export {
  type JobSpec,
  type Outcome,
  type OutcomeKind,
  type Policy,
  type PolicyInput,
  type Settled,
  type StoredBody,
  type WorkerRecord,
  SluiceError,
} from '@sluice/shared';
