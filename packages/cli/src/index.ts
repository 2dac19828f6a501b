export { type RunHooks, type RunOptions, type RunResult, runList } from './run/run-list.ts';
export { type RunSummary } from './run/summary.ts';
