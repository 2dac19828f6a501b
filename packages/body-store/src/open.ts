import type { BodyStoreLocation } from './url.ts';
import type { BodyStore } from './body-store.ts';
import { FilesystemBodyStore } from './filesystem.ts';
import { openS3BodyStore } from './s3.ts';

/**
 * The body store at a location.
 * @param use `write` makes sure that a directory can be written to
 * @throws SluiceError SLUICE_INVALID_CONFIG when it cannot be used
 */
export async function openBodyStore(location: BodyStoreLocation, use: 'read' | 'write'): Promise<BodyStore> {
  if (location.type === 's3') return await openS3BodyStore(location);
  const store = new FilesystemBodyStore(location.directory);
  if (use === 'write') await store.check();
  return store;
}
