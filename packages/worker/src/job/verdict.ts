import type { Settled } from '@sluice/shared';

/** What becomes of a job after one run. */
export type Verdict =
  /** It ended well: an outcome `response`. */
  | ({ type: 'done' } & Settled)
  /** It ended, and no attempt will follow. */
  | ({ type: 'give-up' } & Settled)
  /** The attempt is spent; the next one comes after the delay. `asked`: the upstream named the wait. */
  | { type: 'retry'; inMs: number; message: string; asked: boolean }
  /** Nothing was sent, nothing is spent. To the front of the queue, or put off when only its own origin is held. */
  | { type: 'give-back'; putOffMs: number }
  /** It has an outcome already, from a run that could not tell BullMQ. */
  | { type: 'settled-before' }
  /** Another worker has it now: this run must not touch it. */
  | { type: 'abandon' };

/** Why a job's signal was aborted. */
export const abortReasons = { shutdown: 'shutdown', cancelled: 'cancelled', lockLost: 'lock lost' } as const;
