import { type Handle, type Settled, SluiceError } from '@sluice/producer';

/** Open waits of one process: some KB each, and a socket. */
const mostWaits = 10_000;

/** The requests that wait for the end of a job, or stream the outcomes of a batch. */
export class Waits {
  readonly #closing = new AbortController();
  readonly #most: number;
  #open = 0;

  constructor(most = mostWaits) {
    this.#most = most;
  }

  /** Aborts when the gateway stops: whoever waits is told where to ask again. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends all waits, and all that are begun from now on. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Waits for the end of a job. Its caller has a place (`enter`).
   * @param ms at most so long; 0: only looks
   * @param gone aborts when the caller has gone
   * @returns null: it has not ended, or the gateway stops
   */
  async end(handle: Handle, ms: number, gone: AbortSignal): Promise<Settled | null> {
    const late = new AbortController();
    // The first look must have its answer before the time is up.
    const timer = setTimeout(() => late.abort(), Math.max(ms, lookMs));
    const ended = handle.outcome({
      signal: AbortSignal.any([late.signal, gone, ...(ms === 0 ? [] : [this.closing])]),
    });
    try {
      if (ms > 0) return await ended;
      const status = await handle.status();
      if (status === 'completed' || status === 'failed' || status === 'unknown') return await ended;
      late.abort();
      return await ended;
    } catch (error) {
      ended.catch(() => {});
      if (error instanceof SluiceError && error.code === 'SLUICE_WAIT_ABORTED') return null;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * A place among the open waits, until it is disposed of. To be taken before a job is enqueued: a call that is refused must
   * have done nothing.
   * @throws SluiceError SLUICE_OVERLOADED
   */
  enter(): Disposable {
    if (this.#open >= this.#most) {
      const message = `${this.#most} requests wait here already; ask again later, or run more gateways`;
      throw new SluiceError('SLUICE_OVERLOADED', message);
    }
    this.#open += 1;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (isOpen) this.#open -= 1;
        isOpen = false;
      },
    };
  }
}

/** Redis answers a look within this, or is away, ms. */
const lookMs = 1500;
