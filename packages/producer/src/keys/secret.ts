import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { StoredKey } from '@sluice/shared';

/** 256 random bits, as text. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** A public id, 80 random bits: it is never used again. */
export const newId = (): string => randomBytes(10).toString('hex').slice(0, 16);

const digest = (secret: string) => createHash('sha256').update(secret).digest();

/** What is stored of a secret. */
export const sha256Of = (secret: string): string => digest(secret).toString('hex');

const nobody = Buffer.alloc(32);

function isDigest(hex: string | null, of: Buffer): boolean {
  const stored = hex === null ? nobody : Buffer.from(hex, 'hex');
  // Compared also where there is nothing to compare with, so that the time tells nothing.
  const isEqual = timingSafeEqual(stored.byteLength === of.byteLength ? stored : nobody, of);
  return isEqual && hex !== null;
}

/** Whether the secret opens the key now. Takes as long for a key that is not there. @param now epoch ms. Pure. */
export function opens(stored: StoredKey | null, secret: string, now: number): boolean {
  const of = digest(secret);
  const isCurrent = isDigest(stored?.sha256 ?? null, of);
  const isPrevious = isDigest(stored?.previousSha256 ?? null, of);
  if (stored === null || (stored.expiresAt !== null && stored.expiresAt <= now)) return false;
  return isCurrent || (isPrevious && stored.previousUntil !== null && stored.previousUntil > now);
}
