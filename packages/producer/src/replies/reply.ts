import type { Settled } from '@sluice/shared';

/** One job whose outcome this process awaits, however many of its callers do. */
export class Waiter {
  readonly queue: string;
  readonly id: string;
  /** The job is there: its add was acknowledged, or it was found. */
  accepted = false;
  /** Another process may have added it: its outcome comes because this one asked for it. */
  asked = false;
  /** Calls that await it, and have not given it up. */
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
  /** One call less awaits it; the last one forgets it. */
  leave(waiter: Waiter): void;
  watch(queue: string, id: string): Promise<Settled>;
};

/**
 * The reply to a job that is about to be added. Expected before the add, or it could come first. Unless the job is
 * accepted, disposing of the reply forgets it.
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

  /** The job was added: from now on it is asked for whenever its reply may have been lost. */
  accepted(): void {
    this.#isAccepted = true;
    this.#waiter.accepted = true;
  }

  /** The outcome. A wait that was given up (Redis did not answer) begins anew with the next call. */
  outcome(): Promise<Settled> {
    const { promise, isRejected, queue, id } = this.#waiter;
    return isRejected ? this.#owner.watch(queue, id) : promise;
  }

  [Symbol.dispose](): void {
    if (!this.#isAccepted) this.#owner.leave(this.#waiter);
  }
}
