import type { OutcomeKind, Settled } from '@sluice/shared';

/** Why a job is put off. */
export type PutOffCause =
  /** The upstream asked for it. */
  | { type: 'asked' }
  /** The origin is held; lifting the hold wakes the job. */
  | { type: 'held'; origin: string }
  /** The job was taken before the time that was noted for it. */
  | { type: 'early' };

/** What happens to a job after one run. */
export type Verdict =
  /** It ended well: an outcome `response`. */
  | ({ type: 'done' } & Settled)
  /** It ended, and no attempt will follow. */
  | ({ type: 'give-up' } & Settled)
  /** The attempt is spent; the next one comes after the delay. `cause`: null for our own backoff. */
  | {
      type: 'retry';
      inMs: number;
      message: string;
      cause: PutOffCause | null;
      /** How the attempt ended: the outcome that the job would have if it were the last one. Default `internal`. */
      kind?: OutcomeKind;
      /** The status that the upstream answered with. */
      status?: number;
    }
  /**
   * Nothing was sent, nothing is spent. It goes to the front of the queue (0), or is put off if only its own origin is
   * held.
   */
  | { type: 'give-back'; putOffMs: number; cause: PutOffCause | null }
  /** It has an outcome already, from a run that could not tell BullMQ. */
  | { type: 'settled-before' }
  /** Another worker has it now: this run must not touch it. */
  | { type: 'abandon' };

/** Why a job's signal was aborted. */
export const abortReasons = { shutdown: 'shutdown', cancelled: 'cancelled', lockLost: 'lock lost' } as const;
