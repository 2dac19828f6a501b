export { type RunningPool, startPool } from './pool.ts';
