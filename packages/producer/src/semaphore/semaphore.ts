import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Duration,
  type Keys,
  SluiceError,
  acquireScript,
  acquireVerdicts,
  duration,
  leaveScript,
  queueNameSchema,
  renewScript,
  validate,
} from '@sluice/shared';
import { bounded } from '../bounded.ts';
import { clientClosed } from '../closed.ts';
import { durationOption } from '../options.ts';
import { Lease } from './lease.ts';
import type { Turns } from './turns.ts';

export interface SemaphoreOptions {
  /**
   * How long a place stays taken after its holder dies: `"30s"` (default), or ms. 100 ms to 1 day. It is renewed while
   * the process lives. A process whose event loop stalls for this long loses it.
   */
  lease?: Duration | undefined;
  /** @deprecated `lease`. ms */
  leaseMs?: number | undefined;
}

const defaultLeaseMs = 30_000;
const leaseSchema = duration({ min: 100, max: 86_400_000 });

const optionsSchema = z.strictObject({
  name: queueNameSchema,
  n: z.int().min(1).max(1_000_000),
  lease: leaseSchema.optional(),
  leaseMs: leaseSchema.optional(),
});

/** How often a waiter asks without being called: a holder that died calls nobody. */
const pollMs = 1000;

/** A waiter that has not asked for this long is passed over: a few polls. */
const waiterTtlMs = 5000;

/** What semaphores need of their client. */
export type SemaphoreClient = {
  keys: Keys;
  turns: Turns;
  /** Aborts when the client is closed. */
  closed: AbortSignal;
  scripts: SemaphoreScripts;
};

export type SemaphoreScripts = {
  acquire: BoundTo<typeof acquireScript>;
  renew: BoundTo<typeof renewScript>;
  leave: BoundTo<typeof leaveScript>;
};

export function bindSemaphore(redis: Redis, keys: Keys): SemaphoreScripts {
  return {
    acquire: bindScript(redis, keys, acquireScript),
    renew: bindScript(redis, keys, renewScript),
    leave: bindScript(redis, keys, leaveScript),
  };
}

/**
 * A section that at most `n` callers are in at once, over all processes and machines: first come, first served, by
 * Redis' clock. It exists as long as somebody uses it. Made by `sluice.semaphore`.
 */
export class Semaphore {
  readonly name: string;
  readonly n: number;
  readonly #leaseMs: number;
  readonly #client: SemaphoreClient;

  /** @throws SluiceError SLUICE_INVALID_CONFIG */
  constructor(name: string, n: number, options: SemaphoreOptions, client: SemaphoreClient) {
    const what = `semaphore "${name}"`;
    const leaseMs = durationOption(leaseSchema, options, ['lease', 'leaseMs'], 'SLUICE_INVALID_CONFIG', what);
    validate(optionsSchema, { ...options, name, n }, 'SLUICE_INVALID_CONFIG', what);
    this.name = name;
    this.n = n;
    this.#leaseMs = leaseMs ?? defaultLeaseMs;
    this.#client = client;
  }

  /**
   * Waits for a place. Whoever stops waiting loses the turn.
   * @throws SluiceError SLUICE_WAIT_ABORTED, SLUICE_SEMAPHORE_CONFLICT (others use it with another `n` now), SLUICE_CLOSED
   */
  async acquire({ signal }: { signal?: AbortSignal } = {}): Promise<Lease> {
    const { closed } = this.#client;
    const stop = AbortSignal.any([closed, ...(signal === undefined ? [] : [signal])]);
    if (stop.aborted) throw this.#stopped(signal);
    // A caller that stops while Redis is away does not wait for it: its turn is given back when Redis is there.
    return await bounded(
      this.#turn(stop, signal),
      { signal },
      `stopped waiting for semaphore "${this.name}"`,
    );
  }

  async #turn(stop: AbortSignal, signal: AbortSignal | undefined): Promise<Lease> {
    const { closed, turns, scripts } = this.#client;
    const token = randomUUID();
    try {
      for (;;) {
        const askedAt = performance.now();
        const called = turns.next(token);
        const { verdict, value } = await scripts.acquire([this.name], {
          places: this.n,
          token,
          leaseMs: this.#leaseMs,
          waiterMs: waiterTtlMs,
        });
        if (verdict === acquireVerdicts.conflict) throw this.#conflict(value);
        if (stop.aborted) throw this.#stopped(signal);
        if (verdict === acquireVerdicts.acquired) return this.#lease(token, askedAt);
        // A call before the subscription was not heard: ask once more.
        if (await turns.listening()) await first(called, sleepMs(value), stop);
        if (stop.aborted) throw this.#stopped(signal);
      }
    } catch (error) {
      // Not awaited: if the connection is down, the waiter is passed over soon.
      if (!closed.aborted) this.#give(token).catch(() => {});
      throw closed.aborted ? this.#stopped(signal) : error;
    } finally {
      turns.forget(token);
    }
  }

  /**
   * Runs a function inside the section, and releases the place when it has settled.
   * @param fn its signal aborts when the lease is lost
   * @throws what `fn` throws; as `acquire` does
   */
  async run<T>(
    fn: (signal: AbortSignal) => T | Promise<T>,
    options: { signal?: AbortSignal } = {},
  ): Promise<T> {
    await using lease = await this.acquire(options);
    return await fn(lease.signal);
  }

  #lease(token: string, askedAt: number): Lease {
    const calls = {
      renew: () => this.#client.scripts.renew([this.name], { token, leaseMs: this.#leaseMs }),
      giveBack: () => this.#give(token),
    };
    return new Lease(calls, this.#leaseMs, askedAt, this.#client.closed);
  }

  async #give(token: string): Promise<void> {
    const { scripts, keys } = this.#client;
    await scripts.leave([this.name], { token, channel: keys.turns, name: this.name });
  }

  #conflict(others: number): SluiceError {
    return new SluiceError(
      'SLUICE_SEMAPHORE_CONFLICT',
      `semaphore "${this.name}" has ${others} places in the processes that use it now, not ${this.n}; use the same n everywhere`,
    );
  }

  #stopped(signal: AbortSignal | undefined): SluiceError {
    if (this.#client.closed.aborted) {
      return clientClosed();
    }
    return new SluiceError('SLUICE_WAIT_ABORTED', `stopped waiting for semaphore "${this.name}"`, {
      cause: signal?.reason,
    });
  }
}

/** Time to the next poll, or to the end of the next lease if that is sooner. @param endsInMs -1: none is held */
function sleepMs(endsInMs: number): number {
  return endsInMs < 0 ? pollMs : Math.min(pollMs, endsInMs + 1);
}

/** Resolves with the call, after `ms`, or when the signal aborts. */
async function first(called: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms);
  signal.addEventListener('abort', end, { once: true });
  if (!signal.aborted) await Promise.race([called, promise]);
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
}
