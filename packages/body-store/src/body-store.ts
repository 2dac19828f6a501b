import type { Readable } from 'node:stream';

/** Stores bodies that are too large for Redis. Workers put them; whoever awaits the outcome reads them. */
export type BodyStore = {
  /**
   * Stores a body without holding all of it in memory. Nobody sees it before it is complete; if it fails, nothing
   * stays. Rejects with the fault of the source or of the store.
   */
  put(key: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** The body from its first byte. @throws SluiceError SLUICE_BODY_STORE when it is not there (any more) */
  get(key: string): Promise<Readable>;
  /** Deleting a body that is not there is not an error. */
  delete(key: string): Promise<void>;
  /** Deletes what has expired and what was never completed. @param now epoch ms @returns how many files were deleted */
  sweep(now: number): Promise<number>;
  close(): void;
};
