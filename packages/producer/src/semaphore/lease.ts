import { SluiceError } from '@sluice/shared';

/** What a lease does in Redis. */
export type LeaseCalls = {
  /** Extends it. @returns false when it is lost */
  renew(): Promise<boolean>;
  giveBack(): Promise<void>;
};

/** How many renewals fit into the time of a lease. */
const renewals = 3;

/** A place in a semaphore. Made by `Semaphore.acquire`; ended by `release`, or at the end of its `await using`. */
export class Lease implements AsyncDisposable {
  readonly #calls: LeaseCalls;
  readonly #leaseMs: number;
  readonly #lost = new AbortController();
  readonly #closed: AbortSignal;
  readonly #renewing: NodeJS.Timeout;
  readonly #end: () => void;
  #expiry: NodeJS.Timeout | undefined;
  #released: Promise<void> | undefined;

  /**
   * @param grantedAt performance.now() before it was asked for
   * @param closed aborts when the client closes: then nobody renews
   */
  constructor(calls: LeaseCalls, leaseMs: number, grantedAt: number, closed: AbortSignal) {
    this.#calls = calls;
    this.#leaseMs = leaseMs;
    this.#closed = closed;
    this.#end = () =>
      this.#lose(new SluiceError('SLUICE_CLOSED', 'the client was closed; the lease expires'));
    closed.addEventListener('abort', this.#end, { once: true });
    this.#expireFrom(grantedAt);
    this.#renewing = setInterval(() => void this.#renew(), leaseMs / renewals);
    this.#renewing.unref();
  }

  /**
   * Aborts when the lease is lost: this process could not renew it in time, and others may be in the section now. Pass
   * it to whatever the section calls. Its reason is a SluiceError: SLUICE_LEASE_LOST, or SLUICE_CLOSED.
   */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Releases the place to the caller that has waited longest. Releasing it again does nothing. */
  async release(): Promise<void> {
    this.#released ??= this.#release();
    await this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #release(): Promise<void> {
    this.#stop();
    // If the client's connection is gone, the lease expires by itself.
    if (!this.#closed.aborted) await this.#calls.giveBack();
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now();
    try {
      const held = await this.#calls.renew();
      if (this.#released !== undefined || this.signal.aborted) return;
      if (held) this.#expireFrom(askedAt);
      else this.#lose(this.#lostError());
    } catch {
      // The connection is down: the next renewal succeeds, or the lease expires.
    }
  }

  /** The lease expires on our own clock, too: without Redis nobody else would tell us. */
  #expireFrom(at: number): void {
    clearTimeout(this.#expiry);
    const leftMs = Math.max(0, at + this.#leaseMs - performance.now());
    this.#expiry = setTimeout(() => this.#lose(this.#lostError()), leftMs);
    this.#expiry.unref();
  }

  #lostError(): SluiceError {
    return new SluiceError(
      'SLUICE_LEASE_LOST',
      `the lease of ${this.#leaseMs} ms ended before it could be renewed; others may be in the section`,
    );
  }

  #lose(reason: SluiceError): void {
    this.#stop();
    this.#lost.abort(reason);
  }

  #stop(): void {
    clearInterval(this.#renewing);
    clearTimeout(this.#expiry);
    this.#closed.removeEventListener('abort', this.#end);
  }
}
