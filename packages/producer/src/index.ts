export { type ConnectOptions, type EnqueueOptions, Sluice, connect } from './client.ts';
export { Handle } from './handle.ts';
export { Policies, type PolicyChange, differences } from './policies.ts';
export { type QueueState, Queues } from './queues.ts';
export { FetchResponse, JobError } from './response.ts';
export type { StreamItem, StreamOptions } from './stream.ts';
export {
  type JobSpec,
  type Outcome,
  type OutcomeKind,
  type Policy,
  type PolicyInput,
  type Settled,
  SluiceError,
} from '@sluice/shared';
