export { type WorkerConfig, readWorkerConfig } from './config.ts';
export { type LogLine, type Logger, createLogger } from './logger.ts';
export type { WorkerOptions } from './options.ts';
export { type RunningPool, startPool } from './pool.ts';
export { type EmbeddedWorker, startWorker } from './start-worker.ts';
export type { RetryIf, Transform, TransformInput } from './transform/contract.ts';
