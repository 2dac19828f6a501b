import { z } from 'zod';
import { duration } from '../fields/duration.ts';
import { grantSchema } from './grants.ts';

const day = 86_400_000;

/** What a key may be called: one line that can be printed. */
const nameSchema = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{C}]*$/u, 'must be one line without control characters');

/** What a new API key is to be. */
export const newKeySchema = z.strictObject({
  /** What it is for, or whose it is; need not be unique. */
  name: nameSchema,
  /** What it may do. At most 50. */
  grants: z.array(grantSchema).min(1).max(50),
  /** How long it is valid: `"90d"`, or ms. 1 s to 10 years; null: until it is revoked. */
  expiresIn: duration({ min: 1000, max: 3660 * day })
    .nullable()
    .default(null),
});

export type NewKey = z.input<typeof newKeySchema>;

/** How long the secret before a rotation stays valid, ms. */
export const graceSchema = duration({ min: 0, max: 30 * day });

/** What may be known of an API key: everything but its secret. Times are epoch ms of Redis' clock. */
export const apiKeySchema = z.strictObject({
  /** Names the key in lists, logs and the audit log; the first part of its token. */
  id: z.string(),
  name: z.string(),
  grants: z.array(grantSchema),
  createdAt: z.number(),
  /** Who created it, as in the audit log. */
  createdBy: z.string(),
  /** When its secret was last replaced; null: never. */
  rotatedAt: z.number().nullable(),
  /** null: it does not expire. */
  expiresAt: z.number().nullable(),
  /** Until when the secret before the last rotation is valid, too; null: it is not. */
  previousUntil: z.number().nullable(),
});

export type ApiKey = z.output<typeof apiKeySchema>;

/** A key as it is stored. A newer version may have written more. */
const storedKeySchema = z.object({
  ...apiKeySchema.shape,
  grants: z.array(z.looseObject({ queues: z.array(z.string()), scopes: z.array(z.string()) })),
  /** SHA-256 of the secret, hex. The secret is 256 random bits, so no slow hash is needed. */
  sha256: z.string(),
  /** The same of the secret before; null: there is none. */
  previousSha256: z.string().nullable(),
});

export type StoredKey = ApiKey & { sha256: string; previousSha256: string | null };

/** Null for what is no key that this version can read: nobody gets in with it. */
export function readStoredKey(json: string | null): StoredKey | null {
  if (json === null) return null;
  try {
    const stored = storedKeySchema.parse(JSON.parse(json));
    // A scope that this version does not know allows nothing here.
    return stored as unknown as StoredKey;
  } catch {
    return null;
  }
}

/** What may be shown of a stored key. Pure. */
export function withoutSecret(stored: StoredKey): ApiKey {
  const { id, name, grants, createdAt, createdBy, rotatedAt, expiresAt, previousUntil } = stored;
  return { id, name, grants, createdAt, createdBy, rotatedAt, expiresAt, previousUntil };
}

/** `sluice_ID_SECRET`; scanners of repositories find it by its beginning. */
const tokenPattern = /^sluice_([a-z0-9]{16})_([A-Za-z0-9_-]{43})$/;

/** What a caller sends. */
export function tokenOf(id: string, secret: string): string {
  return `sluice_${id}_${secret}`;
}

/** Null for a text that cannot be a token. */
export function readToken(token: string): { id: string; secret: string } | null {
  const match = tokenPattern.exec(token);
  return match === null ? null : { id: match[1]!, secret: match[2]! };
}
