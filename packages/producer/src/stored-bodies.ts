import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type BodyStore, openBodyStore, bodyStoreUrlSchema } from '@sluice/body-store';
import { SluiceError, type StoredBody, validate } from '@sluice/shared';

/** Opens a stored body. */
export type OpenBody = (stored: StoredBody) => Promise<Readable>;

/** Throws if the bytes are not those that were stored. */
async function* verified(
  source: Readable,
  { key, bytes, sha256 }: StoredBody,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  if (size === bytes && hash.digest('hex') === sha256) return;
  throw new SluiceError('SLUICE_BODY_STORE', `the body ${key} is damaged: it is not what was stored`);
}

/** Reads the bodies that workers stored. The store is opened at the first read. */
export class StoredBodies {
  readonly #open: (() => Promise<BodyStore>) | null;
  #store: Promise<BodyStore> | undefined;

  /** @throws SluiceError SLUICE_INVALID_CONFIG */
  constructor(store: string | BodyStore | undefined) {
    if (store === undefined) this.#open = null;
    else if (typeof store === 'string') {
      const what = 'the options of connect() have faults: bodyStore';
      const location = validate(bodyStoreUrlSchema, store, 'SLUICE_INVALID_CONFIG', what);
      this.#open = () => openBodyStore(location, 'read');
    } else this.#open = () => Promise.resolve(store);
  }

  /**
   * A body from its first byte. A fault in the middle destroys the stream, and so do bytes that are not those stored.
   * @throws SluiceError SLUICE_BODY_STORE when there is no store, or the body is not in it (any more)
   */
  async open(stored: StoredBody): Promise<Readable> {
    if (this.#open === null) {
      const message =
        "the body is in a body store, and this client has none; name the workers' store: connect({ bodyStore })";
      throw new SluiceError('SLUICE_BODY_STORE', message);
    }
    const store = await (this.#store ??= this.#open());
    return Readable.from(verified(await store.get(stored.key), stored), { objectMode: false });
  }

  /** `open`, to be passed on. */
  readonly opener: OpenBody = (stored) => this.open(stored);

  /** Bodies that are being read go on. */
  close(): void {
    this.#store?.then((store) => store.close()).catch(() => {});
  }
}
