import type { Redis } from 'ioredis';
import { SluiceError } from '@sluice/shared';
import type { CreateClient } from './create-client.ts';
import { formatHost } from './url/hosts.ts';

/** An ioredis client of the user's program, of whatever version. */
export interface RedisClient {
  readonly options: object;
  duplicate(override?: object): unknown;
}

/** Options of ioredis under which our commands would fail, go elsewhere, or be answered in another form. */
const ours = {
  keyPrefix: '',
  commandTimeout: undefined,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  readOnly: false,
  stringNumbers: false,
  replyMapping: undefined,
  monitor: false,
};

type Address = { host?: string; port?: number; path?: string | null; db?: number; tls?: object };

/** Where a client connects to, as messages name it; without user and password. */
function urlOf({ host = '127.0.0.1', port = 6379, path, db = 0, tls }: Address): string {
  if (typeof path === 'string') return `redis+unix://${path}`;
  return `${tls === undefined ? 'redis' : 'rediss'}://${formatHost({ host, port })}/${db}`;
}

/**
 * Connections like that of a client: to the same server, or through the same Sentinels, with the same credentials and
 * TLS. The client itself is left alone.
 * @throws SluiceError SLUICE_INVALID_CONFIG for a client of a Cluster
 */
export function duplicatesOf(client: RedisClient): { url: string; create: CreateClient } {
  if ((client as { isCluster?: boolean }).isCluster === true) {
    const message =
      'redis: a client of a Cluster cannot be taken; give its URL: redis+cluster://host1:6379,…';
    throw new SluiceError('SLUICE_INVALID_CONFIG', message);
  }
  return {
    url: urlOf(client.options),
    create: (_target, options) => client.duplicate({ ...ours, ...options }) as Redis,
  };
}
