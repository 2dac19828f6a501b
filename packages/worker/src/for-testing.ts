// For @sluice/testing alone: what it shares with the pool, so that it decides as that does. No public interface.
export { admit } from './pipeline/admit.ts';
export { type Attempt, classify } from './pipeline/classify.ts';
export { ended, expired, notAdmitted } from './pipeline/endings.ts';
export { guard } from './pipeline/guard.ts';
export { withIdempotencyKey } from './pipeline/idempotency-key.ts';
export type { Verdict } from './job/verdict.ts';
