import type { Settled } from '@sluice/shared';
import { type FetchResponse, responseOf } from './response.ts';

/** A job that was accepted: what `create_task` gives in asyncio. */
export class Handle {
  readonly id: string;
  readonly queue: string;
  readonly #settled: Promise<Settled>;

  constructor(queue: string, id: string, settled: Promise<Settled>) {
    this.queue = queue;
    this.id = id;
    this.#settled = settled;
    // A handle that nobody awaits must not bring the process down when the client closes.
    settled.catch(() => {});
  }

  /**
   * Waits for the response.
   * @throws JobError when the job ended in any other way; SluiceError SLUICE_CLOSED when the client closed first
   */
  async result(): Promise<FetchResponse> {
    return responseOf(await this.#settled);
  }

  /** Waits for the end, as data: a failed job does not throw. @throws SluiceError SLUICE_CLOSED */
  async outcome(): Promise<Settled> {
    return await this.#settled;
  }
}
