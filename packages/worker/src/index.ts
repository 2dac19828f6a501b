export { type WorkerConfig, readWorkerConfig } from './config.ts';
export { type Logger, createLogger } from './logger.ts';
export { type RunningPool, startPool } from './pool.ts';
export type { Transform, TransformInput } from './transform/contract.ts';
