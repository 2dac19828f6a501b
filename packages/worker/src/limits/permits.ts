import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, type Policy, giveBackScript, permitScript } from '@sluice/shared';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import type { Holds } from './holds.ts';
import { Lateness } from './lateness.ts';
import { RedisClock } from './redis-clock.ts';
import { sleepUntil } from './sleep.ts';

/** A start further away than this is not reserved: the job is given back, and another process may have it. */
const longestWaitMs = 1000;

/** After a longer sleep the hold is asked for again: its message may have been lost. */
const trustedSleepMs = 100;

/** A permit that came along with its job is used within this, ms: what forbids the request may have come up since. */
const freeMs = 100;

/** Made once: most permits pass here with no time left to wait. */
const never = new AbortController().signal;

/** The right to send one request. Times of performance.now(), ms. */
export type Permit = {
  startAt: number;
  /** An older permit is not used. */
  oldestMs: number;
  /** Its start and its end in the log, µs of Redis' clock: what it takes to give it back. Empty: there is no rate. */
  slot: readonly [start: string, last: string];
};

/** What a request asks with. */
export type PermitRequest = {
  queue: string;
  policy: Policy;
  id: string;
  origin: string;
  /** performance.now() when the job was taken; undefined for a redirect hop, which holds no gate token. */
  takenAt: number | undefined;
  /** ms that the job waited before it was taken; -1: not known. */
  waitedMs: number;
  /** A permit that was too old to be used: it is exchanged. */
  stale: Permit | null;
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

/** How late a permit may be used, ms: half the slack, the other half is the network's. */
function oldestPermitMs({ rate }: Policy): number {
  return rate === null || rate.shape === 'fixed' ? Number.POSITIVE_INFINITY : Math.ceil(rate.slack / 2);
}

/**
 * Whole ms since a job was taken; -1: it holds no gate token. Rounded down: the first job of a window is as old as the
 * window, and would lose its token for looking a millisecond older.
 */
function tokenAge(takenAt: number | undefined): number {
  return takenAt === undefined ? -1 : Math.floor(performance.now() - takenAt);
}

/** The permit of a queue without a pace: now. */
function unpaced(startAt: number, grantedAt: number): Reserved {
  const permit = { startAt, oldestMs: Number.POSITIVE_INFINITY, slot: ['', ''] } as const;
  return { type: 'reserved', grantedAt, mayStartAt: grantedAt, permit };
}

/** Asks Redis for permits, waits for their starts and gives unused ones back. A `Ticket` knows which one a job holds. */
export class Permits {
  readonly #holds: Holds;
  readonly #ask: BoundTo<typeof permitScript>;
  readonly #giveBack: BoundTo<typeof giveBackScript>;
  readonly #clock = new RedisClock();
  readonly #lateness = new Lateness();
  /** Requests of a queue that left later than their permits allow, and are not in the log of starts yet. */
  readonly #late = new Map<string, number>();

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
    const [start, last] = permit === null ? ['-', ''] : permit.slot;
    await this.#giveBack([queue], { start, last, ageMs: tokenAge(takenAt) });
  }

  /** The permit of a job that came along with it (scripts/turn.ts). */
  came(): Permit {
    return unpaced(performance.now(), 0).permit;
  }

  /** May it still be used? Not when it is old, nor when its origin is held as far as this process was told. */
  isFresh(queue: string, origin: string, since: number): boolean {
    return performance.now() - since <= freeMs && this.#holds.heldFor(queue, origin) === 0;
  }

  /** A permit was about to be used, ms after its start. */
  observeAge(ageMs: number): void {
    this.#lateness.observe(ageMs);
  }

  /** A request left later than its permit allows: the next call tells the log of starts. */
  wasLate(queue: string): void {
    this.#late.set(queue, (this.#late.get(queue) ?? 0) + 1);
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
    const { queue, id, origin, takenAt, waitedMs, stale } = request;
    const { rate } = request.policy;
    const oldestMs = oldestPermitMs(request.policy);
    const extraMs = rate === null ? 0 : this.#lateness.extraMs(oldestMs, rate.per);
    const late = this.#late.get(queue) ?? 0;
    this.#late.delete(queue);
    const askedAt = performance.now();
    const { verdict, wait, start, end } = await this.#ask([queue, id], {
      origin,
      longestMs: longestWaitMs,
      ageMs: tokenAge(takenAt),
      waitedMs,
      extraUs: Math.round(1000 * extraMs),
      late,
      staleStart: stale?.slot[0] ?? '',
      staleEnd: stale?.slot[1] ?? '',
      id,
    });
    switch (verdict) {
      case 'go': {
        const grantedAt = performance.now();
        if (start === '') return unpaced(askedAt, grantedAt);
        this.#clock.observe((Number(start) - wait) / 1000, askedAt, grantedAt);
        // Slept for until the latest time that it can be, and aged from the earliest: never early, no lateness missed.
        const { earliest, latest } = this.#clock.here(Number(start) / 1000);
        const usableMs = (Number(end) - Number(start)) / 1000;
        const permit = { startAt: earliest, oldestMs: oldestMs + usableMs, slot: [start, end] } as const;
        return { type: 'reserved', grantedAt, mayStartAt: latest, permit };
      }
      case 'cancelled':
      case 'settled':
        return { type: verdict };
      default:
        return { type: 'not-now', reason: verdict, forMs: wait };
    }
  }
}
