export { type RunningPool, startPool } from './pool.ts';
export type { Transform, TransformInput } from './transform/contract.ts';
