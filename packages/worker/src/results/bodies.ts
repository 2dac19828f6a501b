import { createHash, randomUUID } from 'node:crypto';
import { type BodyStore, bodyKey, openBodyStore } from '@sluice/body-store';
import type { Logger } from '../logger.ts';
import type { StoredBody } from '@sluice/shared';
import type { PoolConfig } from '../settings.ts';
import { BodyNotStored } from '../http/failure.ts';

const sweepEveryMs = 600_000;

/** The body store of a process: large bodies go in, expired ones are swept. */
export class Bodies {
  readonly #store: BodyStore | null;
  readonly #log: Logger;
  #sweeping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: BodyStore | null, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** @throws SluiceError SLUICE_INVALID_CONFIG when the store cannot be used */
  static async open(location: PoolConfig['bodyStore'], log: Logger): Promise<Bodies> {
    return new Bodies(location === null ? null : await openBodyStore(location, 'write'), log);
  }

  /** Bodies can be stored. */
  get ready(): boolean {
    return this.#store !== null;
  }

  /**
   * Streams a body into the store.
   * @param expiresAt epoch ms
   * @throws BodyNotStored, or what the source throws
   */
  async put(
    queue: string,
    source: AsyncIterable<Uint8Array>,
    expiresAt: number,
    signal: AbortSignal,
  ): Promise<StoredBody> {
    if (this.#store === null) {
      throw new BodyNotStored(
        `queue "${queue}" stores large bodies, and its worker has no SLUICE_BODY_STORE`,
      );
    }
    const key = bodyKey(queue, expiresAt, randomUUID());
    const hash = createHash('sha256');
    let bytes = 0;
    let broken: { error: unknown } | undefined;
    const measured = async function* () {
      try {
        for await (const chunk of source) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      } catch (error) {
        broken = { error };
        throw error;
      }
    };
    try {
      await this.#store.put(key, measured(), signal);
    } catch (error) {
      if (broken !== undefined) throw broken.error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new BodyNotStored(`the body could not be stored: ${reason}`, { cause: error });
    }
    return { key, bytes, sha256: hash.digest('hex') };
  }

  /** Deletes a body that no outcome will name. If that fails, the body is swept when it expires. */
  async drop(stored: StoredBody): Promise<void> {
    await this.#store
      ?.delete(stored.key)
      .catch((error: unknown) => this.#log.warn({ err: error, key: stored.key }, 'deleting a body failed'));
  }

  /** Sweeps now, then at intervals. Several workers may sweep one store. */
  start(): void {
    const store = this.#store;
    if (store === null) return;
    const sweep = () => {
      this.#sweeping ??= this.#sweep(store);
    };
    sweep();
    this.#timer = setInterval(sweep, sweepEveryMs * (0.9 + 0.2 * Math.random()));
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    this.#store?.close();
  }

  async #sweep(store: BodyStore): Promise<void> {
    try {
      const gone = await store.sweep(Date.now());
      if (gone > 0) this.#log.info({ bodies: gone }, 'swept expired bodies');
    } catch (error) {
      this.#log.warn({ err: error }, 'sweeping the body store failed');
    }
    this.#sweeping = undefined;
  }
}
