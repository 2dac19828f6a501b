import type { FastifyRequest } from 'fastify';
import { type Sluice, keyOpens } from '@sluice/producer';
import { SluiceError, type StoredKey, allows, readToken, withoutSecret } from '@sluice/shared';
import type { Authenticate, Caller } from './caller.ts';
import { FailedTries } from './failed-tries.ts';

/** How long a key that was read is taken for current, and how often those of open requests are looked at, ms. */
const freshMs = 1000;

/** Keys that are remembered at once. */
const mostRemembered = 1000;

type Known = { stored: StoredKey | null; now: number; readAt: number };

const bearer = /^Bearer +(\S+)$/i;

/** Lets in whoever has an API key, and ends his requests when it is revoked. */
export class ByKey {
  readonly #sluice: Sluice;
  readonly #tries = new FailedTries();
  readonly #known = new Map<string, Known>();
  readonly #open = new Map<FastifyRequest, { id: string; secret: string }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param sluice a client with `whenDown: 'fail'`: while Redis is away it is not known who anybody is, a 503 */
  constructor(sluice: Sluice) {
    this.#sluice = sluice;
  }

  /** @throws SluiceError SLUICE_UNAUTHENTICATED; SLUICE_TOO_MANY_REQUESTS; SLUICE_REDIS_UNREACHABLE */
  readonly authenticate: Authenticate = async (request) => {
    const token = bearer.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw unauthenticated('send an API key as "Authorization: Bearer sluice_…"');
    const read = readToken(token);
    const id = read?.id ?? '';
    const waitMs = this.#tries.waitMs(request.ip, id);
    if (waitMs > 0) {
      const message = `too many tries with keys that are not valid; try again in ${Math.ceil(waitMs / 1000)} s`;
      throw new SluiceError('SLUICE_TOO_MANY_REQUESTS', message, { retryAfterMs: waitMs });
    }
    let known = read === null ? null : await this.#read(read.id);
    // It may have a new secret since.
    if (read !== null && known?.stored != null && !keyOpens(known.stored, read.secret, timeOf(known)))
      known = await this.#read(read.id, performance.now());
    if (read === null || known === null || !keyOpens(known.stored, read.secret, timeOf(known))) {
      this.#tries.failed(request.ip, id);
      throw unauthenticated('the API key is unknown, expired or revoked');
    }
    this.#watch(request, read);
    return callerOf(known.stored!);
  };

  /** @param since what was read before is read again, performance.now() */
  async #read(id: string, since = performance.now() - freshMs): Promise<Known> {
    const known = this.#known.get(id);
    const readAt = performance.now();
    if (known !== undefined && known.readAt > since) return known;
    const [stored, now] = await this.#sluice.keys.stored(id);
    const fresh = { stored, now, readAt };
    this.#known.delete(id);
    // What is not there is asked for each time: a key may be used at once when it was created.
    if (stored !== null) this.#known.set(id, fresh);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostRemembered && oldest !== undefined) this.#known.delete(oldest);
    return fresh;
  }

  /** Until it is answered, its key is looked at again: a wait or a stream may take minutes. */
  #watch(request: FastifyRequest, key: { id: string; secret: string }): void {
    this.#open.set(request, key);
    const { socket } = request.raw;
    const done = () => {
      this.#open.delete(request);
      socket.off('close', done);
      if (this.#open.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
    socket.once('close', done);
    this.#finished.set(request, done);
    this.#timer ??= setInterval(() => void this.#lookAgain().catch(() => {}), freshMs).unref();
  }

  readonly #finished = new WeakMap<FastifyRequest, () => void>();

  /** To be called when a request was answered. */
  answered(request: FastifyRequest): void {
    this.#finished.get(request)?.();
  }

  async #lookAgain(): Promise<void> {
    const ids = new Set([...this.#open.values()].map(({ id }) => id));
    for (const id of ids) {
      const known = await this.#read(id);
      for (const [request, key] of this.#open) {
        if (key.id !== id || keyOpens(known.stored, key.secret, timeOf(known))) continue;
        request.log.info({ key: id }, 'cut off: its key was revoked, or has expired');
        request.raw.socket.destroy();
      }
    }
  }
}

/** Redis' clock now, as far as the last look tells. */
const timeOf = ({ now, readAt }: Known) => now + performance.now() - readAt;

function callerOf(stored: StoredKey): Caller {
  const key = withoutSecret(stored);
  const { id, grants } = key;
  return {
    id,
    actor: `key:${id}`,
    key,
    may: (scope, queue) =>
      queue === undefined
        ? grants.some((grant) => grant.scopes.includes(scope))
        : allows(grants, scope, queue),
  };
}

function unauthenticated(message: string): SluiceError {
  return new SluiceError('SLUICE_UNAUTHENTICATED', message);
}
