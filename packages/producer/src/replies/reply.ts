import type { Settled } from '@sluice/shared';

/** One job whose outcome this process awaits, however many of its callers do. */
export class Waiter {
  readonly queue: string;
  readonly id: string;
  /** The job exists: its add was acknowledged, or it was found. */
  accepted = false;
  /** Another process may have added it, so this one has to ask for its outcome. */
  asked = false;
  /** A caller that needs the failed job no more has received its error. */
  isReceived = false;
  /** Calls that await it, and have not given up. */
  users = 0;
  readonly promise: Promise<Settled>;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: Error) => void;
  #isRejected = false;

  constructor(queue: string, id: string) {
    this.queue = queue;
    this.id = id;
    const { promise, resolve, reject } = Promise.withResolvers<Settled>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    // A handle that nobody awaits must not bring the process down when the client closes.
    promise.catch(() => {
      this.#isRejected = true;
    });
  }

  get isRejected(): boolean {
    return this.#isRejected;
  }
}

/** What a reply needs of its `Replies`. */
type Owner = {
  /** One call fewer awaits it; when none is left, it is forgotten. */
  leave(waiter: Waiter): void;
  watch(queue: string, id: string): Promise<Settled>;
};

/**
 * The reply to a job that is about to be added. It is expected before the add, because it could come before the add
 * returns. Unless the job is accepted, disposing of the reply forgets it.
 */
export class Reply implements Disposable {
  readonly #waiter: Waiter;
  readonly #owner: Owner;
  #isAccepted = false;

  constructor(waiter: Waiter, owner: Owner) {
    this.#waiter = waiter;
    this.#owner = owner;
    waiter.users += 1;
  }

  /** The job was added: from now on its outcome is asked for whenever its reply may have been lost. */
  accepted(): void {
    this.#isAccepted = true;
    this.#waiter.accepted = true;
  }

  /** The outcome. If a wait was given up (Redis did not answer), the next call waits again. */
  outcome(): Promise<Settled> {
    const { promise, isRejected, queue, id } = this.#waiter;
    return isRejected ? this.#owner.watch(queue, id) : promise;
  }

  /** The same; the failed job is removed, because whoever called this gets its error. @param takes asked when it failed */
  async received(takes: () => boolean): Promise<Settled> {
    const settled = await this.outcome();
    if (settled.outcome.kind !== 'response' && takes()) this.#waiter.isReceived = true;
    return settled;
  }

  [Symbol.dispose](): void {
    if (!this.#isAccepted) this.#owner.leave(this.#waiter);
  }
}
