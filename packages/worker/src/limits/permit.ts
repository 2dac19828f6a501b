import type { Redis } from 'ioredis';
import {
  type BoundScript,
  type Keys,
  type Policy,
  bindScript,
  permitScript,
  permitVerdicts,
  refundScript,
  unusedScript,
} from '@sluice/shared';
import type { UsedPermit } from '../http/permit-age.ts';
import type { Holds } from './holds.ts';
import { sleepUntil } from './sleep.ts';

/** A start further away than this is not reserved: the job is given back, and another process may have it. */
const longestWaitMs = 1000;

/** After a longer sleep the hold is asked for again: its message may have been lost. */
const trustedSleepMs = 100;

/** What a request asks with. */
export type PermitRequest = {
  queue: string;
  policy: Policy;
  id: string;
  origin: string;
  /** performance.now() when the job was taken; undefined for a redirect hop, which holds no gate token. */
  takenAt?: number | undefined;
  /** What ends the waiting; its signal is made only when there is some. */
  attempt: { readonly aborted: boolean; readonly signal: AbortSignal };
};

/** The answer: send now, or why nothing may be sent. */
export type PermitAnswer =
  | { type: 'go'; permit: UsedPermit }
  | { type: 'cancelled' }
  | { type: 'settled' }
  /** Not now: the origin is held, or the next start is far away. */
  | { type: 'not-now'; reason: 'held' | 'closed' | 'aborted' | 'no-policy' | 'early'; forMs: number };

/** How late a permit may be used, ms. */
function oldestPermitMs({ rate }: Policy): number {
  return rate === null || rate.shape === 'burst' ? Number.POSITIVE_INFINITY : rate.permitAge;
}

/**
 * Whole ms since a job was taken. Rounded down: the first job of a window is as old as the window, and would lose its
 * token for looking a millisecond older.
 */
function tokenAge(takenAt: number): number {
  return Math.floor(performance.now() - takenAt);
}

/** Asks Redis for the right to send one request, and sleeps until it may leave. */
export class Permits {
  readonly #keys: Keys;
  readonly #holds: Holds;
  readonly #ask: BoundScript;
  readonly #refund: BoundScript;
  readonly #unused: BoundScript;

  constructor(redis: Redis, keys: Keys, holds: Holds) {
    this.#keys = keys;
    this.#holds = holds;
    this.#ask = bindScript(redis, permitScript);
    this.#refund = bindScript(redis, refundScript);
    this.#unused = bindScript(redis, unusedScript);
  }

  async obtain(request: PermitRequest): Promise<PermitAnswer> {
    const answer = await this.#reserve(request);
    if (answer.type !== 'reserved') return answer;
    await this.#sleep(request, answer.startAt);
    const obstacle = await this.#obstacle(request, answer.startAt - answer.grantedAt);
    const permit = {
      startAt: answer.dueAt,
      oldestMs: oldestPermitMs(request.policy),
      slot: answer.slot,
    };
    if (obstacle === null) return { type: 'go', permit };
    await this.unused(request.queue, permit, request.takenAt);
    return obstacle;
  }

  /**
   * A permit was not used after all: it was counted as a request sent, and took a start.
   * @param takenAt performance.now() when the job was taken that ends so; undefined: it asks again, or was a redirect hop
   */
  async unused(queue: string, { slot }: UsedPermit, takenAt?: number): Promise<void> {
    const keys = this.#keys;
    const age = takenAt === undefined ? -1 : tokenAge(takenAt);
    await this.#unused(
      [keys.policy(queue), keys.pace(queue), keys.bull(queue).limiter, keys.stats(queue)],
      [...slot, age],
    );
  }

  /**
   * Gives the gate's token of a job back that ends without having sent anything.
   * @param takenAt performance.now() when the job was taken
   */
  async refund(queue: string, takenAt: number): Promise<void> {
    const keys = this.#keys;
    const age = tokenAge(takenAt);
    await this.#refund([keys.policy(queue), keys.bull(queue).limiter], [age]);
  }

  /** What came up during the sleep; null: nothing. */
  async #obstacle(
    request: PermitRequest,
    sleptMs: number,
  ): Promise<Exclude<PermitAnswer, { type: 'go' }> | null> {
    if (request.attempt.aborted) return { type: 'not-now', reason: 'aborted', forMs: 0 };
    let heldFor = this.#holds.heldFor(request.queue, request.origin);
    if (heldFor === 0 && sleptMs > trustedSleepMs) {
      heldFor = await this.#holds.readHeldFor(request.queue, request.origin);
    }
    return heldFor > 0 ? { type: 'not-now', reason: 'held', forMs: heldFor } : null;
  }

  async #reserve(
    request: PermitRequest,
  ): Promise<
    | { type: 'reserved'; grantedAt: number; startAt: number; dueAt: number; slot: UsedPermit['slot'] }
    | Exclude<PermitAnswer, { type: 'go' }>
  > {
    const { queue, id, origin, takenAt } = request;
    const keys = this.#keys;
    const age = takenAt === undefined ? -1 : tokenAge(takenAt);
    const askedAt = performance.now();
    const [index, wait, , start = '', next = ''] = (await this.#ask(
      [
        keys.policy(queue),
        keys.pace(queue),
        keys.holds(queue),
        keys.bull(queue).limiter,
        keys.cancel(queue, id),
        keys.outcome(queue, id),
        keys.stats(queue),
        keys.flow(queue),
        keys.bull(queue).meta,
        keys.putOff(queue),
      ],
      [origin, longestWaitMs, age, id],
    )) as [verdict: number, wait: number, version: number, start?: string, next?: string];
    const verdict = permitVerdicts[index]!;
    switch (verdict) {
      case 'go': {
        // The wait counts from the script's run: at the latest now, so that the start is never early; at the earliest
        // when it was asked for, so that no lateness is missed (a loop that stalled hears the answer late).
        const grantedAt = performance.now();
        return {
          type: 'reserved',
          grantedAt,
          startAt: grantedAt + wait / 1000,
          dueAt: askedAt + wait / 1000,
          slot: [start, next],
        };
      }
      case 'cancelled':
      case 'settled':
        return { type: verdict };
      default:
        return { type: 'not-now', reason: verdict, forMs: wait };
    }
  }

  async #sleep(request: PermitRequest, until: number): Promise<void> {
    if (until - performance.now() <= 0) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    const forget = this.#holds.onHold(request.queue, request.origin, wake);
    const { signal } = request.attempt;
    signal.addEventListener('abort', wake, { once: true });
    await sleepUntil(until, woken.signal);
    signal.removeEventListener('abort', wake);
    forget();
  }
}
