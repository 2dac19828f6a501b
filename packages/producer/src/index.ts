export { Batch, type BatchItem, type BatchProgress, type ResultsOptions } from './batch/batch.ts';
export type { BodyStore } from '@sluice/body-store';
export { ApiClient, type ApiClientOptions } from './api-client.ts';
export { Sluice } from './client.ts';
export type { BatchOptions, EnqueuedItem, ManyOptions } from './enqueue/enqueue-many.ts';
export type { EnqueueOptions } from './enqueue/enqueue.ts';
export type { Input, Specs } from './input.ts';
export type { FetchInit, FetchOptions } from './fetch.ts';
export type { GatherOptions, Gatherable, Gathered } from './gather.ts';
export type { RedisClient } from '@sluice/redis';
export { connect } from './connect.ts';
export type { ConnectOptions } from './connect-options.ts';
export type { DeadLetter, DeadLetterDetail, PlainSpec, Redrive } from './dead/dead-letter.ts';
export type { Explanation, JobReason } from './explain/explanation.ts';
export type { DeadFilter } from './dead/filter.ts';
export {
  type DeadListOptions,
  type DeadPage,
  DeadLetters,
  type DeadSelection,
  type WalkPage,
  type PurgeOptions,
  type RedriveOptions,
  type RedriveResult,
} from './dead/dead-letters.ts';
export { ApiKeys, type KeyOptions, type KeyWithToken } from './keys/api-keys.ts';
export { opens as keyOpens } from './keys/secret.ts';
export { AuditLog, type AuditListOptions, type AuditPage } from './audit/audit-log.ts';
export { Operations } from './operations.ts';
export { operator } from './audit/trail.ts';
export { Group } from './group.ts';
export { Handle, type ResultOptions, type WaitOptions } from './handle.ts';
export type { CancelResult, JobStatus } from './jobs.ts';
export {
  type OnConflict,
  Policies,
  type PolicyChange,
  type PolicyUpdate,
  conflicts,
} from './queues/policies.ts';
export type { Overview, OverviewLook, QueueFigures } from './queues/overview.ts';
export type { QueueState } from './queues/queue-state.ts';
export { Queues } from './queues/queues.ts';
export { Lease } from './semaphore/lease.ts';
export {
  type RecurringSpec,
  type Schedule,
  type ScheduleOptions,
  Schedules,
  type When,
} from './queues/schedules.ts';
export { Semaphore, type SemaphoreOptions } from './semaphore/semaphore.ts';
export { type Ended, JobError } from './job-error.ts';
export type { AcceptedJob, Hooks, Logger, SettledJob, Warning } from './reports.ts';
export { FetchResponse, StatusError } from './response.ts';
export { type Parsed, SchemaError } from './schema.ts';
export type { EndedItem, StreamItem, StreamOptions } from './stream.ts';
export {
  type ApiKey,
  type AuditEntry,
  type Body,
  type Duration,
  type Grant,
  type HeaderFields,
  type JobRetry,
  type JobSpec,
  type AttemptEnd,
  type Outcome,
  type OutcomeKind,
  type Policy,
  type EgressSpec,
  type PolicyInput,
  type RateSpec,
  type RequestSpec,
  type RetrySpec,
  type SearchParams,
  type Scope,
  type Settled,
  type StoredBody,
  type Time,
  type WorkerRecord,
  SluiceError,
} from '@sluice/shared';
