import { redactRedisUrl } from './config.ts';
import { SluiceError } from './errors.ts';

/** Judges the answer of `INFO server`: Redis >= 7.0 or Valkey >= 8. Throws SLUICE_REDIS_VERSION. */
export function assertServerVersion(info: string, url: string): void {
  const field = (name: string) => new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  const version = valkey ?? field('redis_version') ?? 'unknown';
  const major = Number.parseInt(version, 10);
  if (major >= (valkey === undefined ? 7 : 8)) return;
  throw new SluiceError(
    'SLUICE_REDIS_VERSION',
    `${redactRedisUrl(url)} is ${valkey === undefined ? 'Redis' : 'Valkey'} ${version}; Sluice needs Redis 7.0 or Valkey 8 or newer`,
  );
}

/** Judges the answer of `INFO memory`: a server that may evict keys would lose jobs. Throws SLUICE_REDIS_EVICTS. */
export function assertKeepsKeys(info: string, url: string): void {
  const policy = /^maxmemory_policy:(.+?)\r?$/m.exec(info)?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  throw new SluiceError(
    'SLUICE_REDIS_EVICTS',
    `${redactRedisUrl(url)} has maxmemory-policy ${policy} and may evict jobs; set it to noeviction: CONFIG SET maxmemory-policy noeviction`,
  );
}

/** Turns what a Redis client throws while connecting into a SluiceError that names the server and the fix. */
export function redisFault(error: unknown, url: string): SluiceError {
  if (error instanceof SluiceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const where = redactRedisUrl(url);
  if (/NOAUTH|WRONGPASS|invalid username-password|without any password|NOPERM/i.test(text)) {
    const message = `${where} refuses the user or password (${text}); write them into the URL: redis://user:password@host:port`;
    return new SluiceError('SLUICE_REDIS_AUTH', message, { cause: error });
  }
  if (/^OOM|maxmemory/i.test(text)) {
    const message = `${where} has reached maxmemory; the job was not accepted. Raise maxmemory or let the queue drain`;
    return new SluiceError('SLUICE_REDIS_FULL', message, { cause: error });
  }
  const message = `${where} does not answer (${text || 'connection refused'}); is Redis running there?`;
  return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
}

/** What is needed of a Redis client (ioredis) to open it. */
type Client = {
  connect(): Promise<void>;
  info(section: string): Promise<string>;
  disconnect(): void;
  on(event: 'error', listener: (error: unknown) => void): unknown;
};

/** The options that every connection of Sluice has. */
export type ClientOptions = ReturnType<typeof clientOptions>;

function clientOptions(isOpen: () => boolean) {
  return {
    // Commands wait through a reconnect instead of failing after twenty tries.
    maxRetriesPerRequest: null,
    // A pending command without an answer for so long means that the connection died silently.
    // Longer than any blocking read.
    socketTimeout: 15_000,
    connectTimeout: 5000,
    lazyConnect: true,
    // The first connection is not tried again: whoever starts wants to know now.
    retryStrategy: (times: number) => (isOpen() ? Math.min(2000, 50 * 2 ** Math.min(times, 6)) : null),
  };
}

/**
 * Connects, and refuses at once what could not work: no server, a wrong password, a version that is too old.
 * Afterwards the client reconnects by itself, and commands wait for it.
 * @param url `redis://…`, `rediss://…`, or `redis+unix:///run/redis.sock`
 * @param create makes the client of a URL or socket path
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_REDIS_EVICTS
 */
export async function openClient<T extends Client>(
  url: string,
  create: (target: string, options: ClientOptions) => T,
): Promise<T> {
  let failure: unknown;
  let open = false;
  const { protocol, pathname } = new URL(url);
  const target = protocol === 'redis+unix:' ? decodeURIComponent(pathname) : url;
  const client = create(
    target,
    clientOptions(() => open),
  );
  client.on('error', (error) => {
    failure ??= error;
  });
  try {
    await client.connect();
    assertServerVersion(await client.info('server'), url);
    assertKeepsKeys(await client.info('memory'), url);
    open = true;
    return client;
  } catch (error) {
    client.disconnect();
    throw redisFault(failure ?? error, url);
  }
}
