import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, type Policy, giveBackScript, permitScript } from '@sluice/shared';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import type { Holds } from './holds.ts';
import { sleepUntil } from './sleep.ts';

/** A start further away than this is not reserved: the job is given back, and another process may have it. */
const longestWaitMs = 1000;

/** After a longer sleep the hold is asked for again: its message may have been lost. */
const trustedSleepMs = 100;

/** Made once: most permits pass here with no time left to wait. */
const never = new AbortController().signal;

/** The right to send one request. Times of performance.now(), ms. */
export type Permit = {
  startAt: number;
  /** An older permit is not used. */
  oldestMs: number;
  /** Its start and the one after it, µs of Redis' clock: what it takes to give it back. Empty: there is no rate. */
  slot: readonly [start: string, next: string];
};

/** What a request asks with. */
export type PermitRequest = {
  queue: string;
  policy: Policy;
  id: string;
  origin: string;
  /** performance.now() when the job was taken; undefined for a redirect hop, which holds no gate token. */
  takenAt: number | undefined;
};

/** A permit whose start is to be waited for. */
export type Reserved = {
  type: 'reserved';
  permit: Permit;
  /** performance.now() */
  grantedAt: number;
  /** performance.now(); never earlier than the start that Redis granted. */
  mayStartAt: number;
};

/** Why nothing may be sent. */
export type PermitAnswer =
  | { type: 'cancelled' }
  | { type: 'settled' }
  /** Not now: the origin is held, or the next start is far away. */
  | { type: 'not-now'; reason: 'held' | 'closed' | 'no-policy' | 'early'; forMs: number };

/** How late a permit may be used, ms. */
function oldestPermitMs({ rate }: Policy): number {
  return rate === null || rate.shape === 'burst' ? Number.POSITIVE_INFINITY : rate.permitAge;
}

/**
 * Whole ms since a job was taken; -1: it holds no gate token. Rounded down: the first job of a window is as old as the
 * window, and would lose its
 * token for looking a millisecond older.
 */
function tokenAge(takenAt: number | undefined): number {
  return takenAt === undefined ? -1 : Math.floor(performance.now() - takenAt);
}

/** Asks Redis for permits, waits for their starts and gives unused ones back. A `Ticket` knows which one a job holds. */
export class Permits {
  readonly #holds: Holds;
  readonly #ask: BoundTo<typeof permitScript>;
  readonly #giveBack: BoundTo<typeof giveBackScript>;

  constructor(redis: Redis, keys: Keys, holds: Holds) {
    this.#holds = holds;
    this.#ask = bindScript(redis, keys, permitScript);
    this.#giveBack = bindScript(redis, keys, giveBackScript);
  }

  /**
   * Gives back what a job has not used.
   * @param permit was counted as a request sent, and took a start; null: none was granted
   * @param takenAt performance.now() when the job was taken whose gate token is given back; undefined: it keeps it, or
   * has none
   */
  async giveBack(queue: string, permit: Permit | null, takenAt: number | undefined): Promise<void> {
    const [start, next] = permit === null ? ['-', ''] : permit.slot;
    await this.#giveBack([queue], { start, next, ageMs: tokenAge(takenAt) });
  }

  /** Waits for the start; ends early when the origin becomes held, or the attempt is over. */
  async untilStart(
    queue: string,
    origin: string,
    { mayStartAt }: Reserved,
    attempt: Pick<AttemptTimer, 'signal'>,
  ): Promise<void> {
    if (mayStartAt - performance.now() <= 0) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    const forget = this.#holds.onHold(queue, origin, wake);
    const { signal } = attempt;
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
    await sleepUntil(mayStartAt, woken.signal);
    signal.removeEventListener('abort', wake);
    forget();
  }

  /** What came up while the start was waited for; null: nothing. */
  async obstacle(
    queue: string,
    origin: string,
    { mayStartAt, grantedAt }: Reserved,
  ): Promise<PermitAnswer | null> {
    // What was published may be over: the message that a hold was lifted comes after the job that it set free.
    const asks = this.#holds.heldFor(queue, origin) > 0 || mayStartAt - grantedAt > trustedSleepMs;
    const heldFor = asks ? await this.#holds.readHeldFor(queue, origin) : 0;
    // Woken by a hold that was lifted since: the start is still to come, a second away at most.
    if (heldFor === 0) await sleepUntil(mayStartAt, never);
    return heldFor > 0 ? { type: 'not-now', reason: 'held', forMs: heldFor } : null;
  }

  /** Asks Redis. */
  async reserve(request: PermitRequest): Promise<Reserved | PermitAnswer> {
    const { queue, id, origin, takenAt } = request;
    const askedAt = performance.now();
    const { verdict, wait, start, next } = await this.#ask([queue, id], {
      origin,
      longestMs: longestWaitMs,
      ageMs: tokenAge(takenAt),
      id,
    });
    switch (verdict) {
      case 'go': {
        // The wait counts from the script's run: at the latest now, so that the start is never early; at the earliest
        // when it was asked for, so that no lateness is missed (a loop that stalled hears the answer late).
        const grantedAt = performance.now();
        return {
          type: 'reserved',
          grantedAt,
          mayStartAt: grantedAt + wait / 1000,
          permit: {
            startAt: askedAt + wait / 1000,
            oldestMs: oldestPermitMs(request.policy),
            slot: [start, next],
          },
        };
      }
      case 'cancelled':
      case 'settled':
        return { type: verdict };
      default:
        return { type: 'not-now', reason: verdict, forMs: wait };
    }
  }
}
