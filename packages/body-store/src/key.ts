import { SluiceError } from '@sluice/shared';

// The time comes first, so that a sweep can read it from the name. The id keeps the bodies of attempts apart.
const pattern =
  /^([A-Za-z0-9][A-Za-z0-9._-]{0,99})\/(\d{10,12})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The key of a body: `<queue>/<expiry, epoch s>-<uuid>`.
 * @param expiresAt epoch ms
 */
export function bodyKey(queue: string, expiresAt: number, uuid: string): string {
  return `${queue}/${Math.ceil(expiresAt / 1000)}-${uuid}`;
}

/** Checks that a key from Redis can be part of a path. @throws SluiceError SLUICE_BODY_STORE */
export function checkedKey(key: string): string {
  if (pattern.test(key)) return key;
  throw new SluiceError('SLUICE_BODY_STORE', `${JSON.stringify(key)} is not the key of a stored body`);
}

/** When a body expires, epoch ms; null when this is not a key. */
export function expiryOf(key: string): number | null {
  const seconds = pattern.exec(key)?.[2];
  return seconds === undefined ? null : Number(seconds) * 1000;
}
