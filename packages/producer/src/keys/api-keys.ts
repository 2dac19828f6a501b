import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type ApiKey,
  type AuditAction,
  type Duration,
  type Grant,
  type Keys,
  type NewKey,
  SluiceError,
  type StoredKey,
  changeKeyScript,
  graceSchema,
  lacking,
  mostKeys,
  newKeySchema,
  readStoredKey,
  readToken,
  tokenOf,
  validate,
  withoutSecret,
} from '@sluice/shared';
import type { Trail } from '../audit/trail.ts';
import { newId, newSecret, opens, sha256Of } from './secret.ts';

/** A key with its token, which is shown this once: only its hash is kept. */
export type KeyWithToken = { key: ApiKey; token: string };

export type KeyOptions = {
  /** The key of whoever asks: he can grant, rotate and revoke only what he has himself. Default: an operator. */
  as?: ApiKey | undefined;
};

/** Whoever asks, if he is no operator. `is`: what is stored of his key. */
type Grantor = { id: string; is: string; grants: readonly Grant[] };

/** How long the old secret stays valid after a rotation, ms. */
const defaultGraceMs = 3_600_000;

/** How often a change starts over because somebody else changed the key between our read and our write. */
const changeTries = 20;

/** What the audit log is told of a key. */
const told = (key: StoredKey | null) =>
  key === null ? '' : JSON.stringify({ name: key.name, grants: key.grants, expiresAt: key.expiresAt });

/** The keys with which callers of the HTTP API prove who they are. */
export class ApiKeys {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #trail: Trail;
  readonly #change: BoundTo<typeof changeKeyScript>;

  constructor(redis: Redis, keys: Keys, trail: Trail) {
    this.#redis = redis;
    this.#keys = keys;
    this.#trail = trail;
    this.#change = bindScript(redis, keys, changeKeyScript);
  }

  /**
   * Creates a key.
   * @throws SluiceError SLUICE_INVALID_SPEC; SLUICE_FORBIDDEN when `as` lacks what it would grant; SLUICE_KEYS_FULL
   */
  async create(input: NewKey, { as }: KeyOptions = {}): Promise<KeyWithToken> {
    const { name, grants, expiresIn } = validate(newKeySchema, input, 'SLUICE_INVALID_SPEC', 'API key');
    const grantor = await this.#grantor(as);
    assertHas(grantor, grants, 'grant');
    await this.#removeExpired();
    const now = await this.#now();
    const secret = newSecret();
    const key: StoredKey = {
      id: newId(),
      name,
      grants,
      createdAt: now,
      createdBy: this.#trail.actor,
      rotatedAt: null,
      expiresAt: expiresIn === null ? null : now + expiresIn,
      previousUntil: null,
      sha256: sha256Of(secret),
      previousSha256: null,
    };
    await this.#write('key.create', key.id, '', key, grantor);
    return { key: withoutSecret(key), token: tokenOf(key.id, secret) };
  }

  /** All keys, the oldest first; also those that have expired and were not removed yet. */
  async list(): Promise<ApiKey[]> {
    const all = Object.values(await this.#redis.hgetall(this.#keys.apiKeys));
    const keys = all.map(readStoredKey).filter((key) => key !== null);
    return keys.map(withoutSecret).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** One key; null when there is none with this id. */
  async get(id: string): Promise<ApiKey | null> {
    const key = readStoredKey(await this.#redis.hget(this.#keys.apiKeys, id));
    return key === null ? null : withoutSecret(key);
  }

  /**
   * Gives a key a new secret.
   * @param options `grace`: how long the old one stays valid, too: `"1h"` (default), or ms; 0 to 30 days
   * @throws SluiceError SLUICE_KEY_MISSING; SLUICE_INVALID_SPEC; SLUICE_FORBIDDEN
   */
  async rotate(
    id: string,
    { as, grace = defaultGraceMs }: KeyOptions & { grace?: Duration | undefined } = {},
  ): Promise<KeyWithToken> {
    const graceMs = validate(graceSchema, grace, 'SLUICE_INVALID_SPEC', 'grace');
    const secret = newSecret();
    const key = await this.#replace('key.rotate', id, as, (before, now) => ({
      ...before,
      rotatedAt: now,
      sha256: sha256Of(secret),
      previousSha256: graceMs === 0 ? null : before.sha256,
      previousUntil: graceMs === 0 ? null : now + graceMs,
    }));
    return { key: withoutSecret(key!), token: tokenOf(id, secret) };
  }

  /** Ends a key: every gateway refuses it within 2 s. @throws SluiceError SLUICE_KEY_MISSING; SLUICE_FORBIDDEN */
  async revoke(id: string, { as }: KeyOptions = {}): Promise<void> {
    await this.#replace('key.revoke', id, as, () => null);
  }

  /**
   * The key that a token opens now.
   * @throws SluiceError SLUICE_UNAUTHENTICATED; SLUICE_REDIS_UNREACHABLE
   */
  async verify(token: string): Promise<ApiKey> {
    const read = readToken(token);
    if (read === null) throw keyInvalid();
    const [stored, now] = await this.stored(read.id);
    if (!opens(stored, read.secret, now)) throw keyInvalid();
    return withoutSecret(stored!);
  }

  /** What is stored of a key, and the time of Redis' clock, epoch ms. For whoever keeps it for a moment. */
  async stored(id: string): Promise<[key: StoredKey | null, now: number]> {
    const [json, now] = await Promise.all([this.#redis.hget(this.#keys.apiKeys, id), this.#now()]);
    return [readStoredKey(json), now];
  }

  async #replace(
    action: AuditAction,
    id: string,
    as: ApiKey | undefined,
    make: (before: StoredKey, now: number) => StoredKey | null,
  ): Promise<StoredKey | null> {
    const grantor = await this.#grantor(as);
    for (let tries = 0; tries < changeTries; tries++) {
      const was = await this.#redis.hget(this.#keys.apiKeys, id);
      const before = readStoredKey(was);
      if (was === null || (before === null && action !== 'key.revoke')) throw keyMissing(id);
      // One that this version cannot read may grant anything.
      if (before === null)
        assertHas(grantor, [{ queues: ['*'], scopes: ['keys', 'operate', 'policy'] }], 'change');
      else assertHas(grantor, before.grants, 'change');
      const after = before === null ? null : make(before, await this.#now());
      if (await this.#write(action, id, was, after, grantor)) return after;
    }
    throw new SluiceError(
      'SLUICE_POLICY_CONFLICT',
      `API key "${id}" keeps being changed by others; try again`,
    );
  }

  /** @returns false when the key is not what it was */
  async #write(
    action: AuditAction,
    id: string,
    was: string,
    is: StoredKey | null,
    grantor: Grantor | null,
  ): Promise<boolean> {
    const verdict = await this.#change([], {
      id,
      was,
      is: is === null ? '' : JSON.stringify(is),
      grantor: grantor?.id ?? '',
      grantorIs: grantor?.is ?? '',
      actor: this.#trail.actor,
      action,
      before: told(readStoredKey(was)),
      after: told(is),
    });
    if (verdict === 'not-allowed') throw forbidden('your API key was changed or revoked');
    if (verdict === 'full') {
      const message = `there are ${mostKeys} API keys, the most that there can be; revoke some (sluice key list)`;
      throw new SluiceError('SLUICE_KEYS_FULL', message);
    }
    if (verdict === 'conflict') return false;
    this.#trail.log(action, { subject: id });
    return true;
  }

  /** What he may do now, not what he could when he was let in. @throws SluiceError SLUICE_FORBIDDEN */
  async #grantor(as: ApiKey | undefined): Promise<Grantor | null> {
    if (as === undefined) return null;
    const is = await this.#redis.hget(this.#keys.apiKeys, as.id);
    const stored = readStoredKey(is);
    if (is === null || stored === null) throw forbidden('your API key was revoked');
    return { id: as.id, is, grants: stored.grants };
  }

  /** So that those that expired take no places from new ones. */
  async #removeExpired(): Promise<void> {
    const now = await this.#now();
    for (const [id, json] of Object.entries(await this.#redis.hgetall(this.#keys.apiKeys))) {
      const key = readStoredKey(json);
      if (key?.expiresAt != null && key.expiresAt <= now)
        await this.#write('key.revoke', id, json, null, null);
    }
  }

  async #now(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }
}

/** The error of a token that opens nothing. It does not say why: that is for the key's owner, not for who tries. */
export function keyInvalid(): SluiceError {
  return new SluiceError(
    'SLUICE_UNAUTHENTICATED',
    'the API key is unknown, expired or revoked; send one as "Authorization: Bearer sluice_…"',
  );
}

function keyMissing(id: string): SluiceError {
  return new SluiceError('SLUICE_KEY_MISSING', `there is no API key "${id}" (sluice key list)`);
}

function forbidden(message: string): SluiceError {
  return new SluiceError('SLUICE_FORBIDDEN', message);
}

/** @throws SluiceError SLUICE_FORBIDDEN that names what is lacking */
function assertHas(as: Grantor | null, grants: readonly Grant[], doing: 'grant' | 'change'): void {
  if (as === null) return;
  const queues = [...new Set(grants.flatMap((grant) => grant.queues))];
  const missing = lacking(as.grants, [
    ...grants,
    ...(queues.length > 0 ? [{ queues, scopes: ['keys' as const] }] : []),
  ]);
  if (missing.length === 0) return;
  const list = [...new Set(missing)].slice(0, 20).join(', ');
  const message =
    doing === 'grant'
      ? `you cannot grant what you lack: ${list}`
      : `the key may do what you may not: ${list}`;
  throw forbidden(message);
}
