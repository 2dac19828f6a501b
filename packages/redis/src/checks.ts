import { SluiceError } from '@sluice/shared';
import { isClusterUrl } from './url/cluster-url.ts';
import { redactRedisUrl } from './url/redis-url.ts';

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

/** Judges the answer of `INFO replication`: a replica takes no writes. Throws SLUICE_REDIS_UNREACHABLE. */
export function assertPrimary(info: string, url: string): void {
  if (!/^role:slave\r?$/m.test(info)) return;
  throw new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    `${redactRedisUrl(url)} is a replica and takes no writes; name the primary, or the Sentinels that know it: redis+sentinel://host:26379/primary-name`,
  );
}

/** Judges the answer of `INFO server`: in a Cluster only one node has the prefix. Throws SLUICE_REDIS_UNREACHABLE. */
export function assertMode(info: string, url: string): void {
  if (isClusterUrl(url) || !/^(redis|server)_mode:cluster\r?$/m.test(info)) return;
  throw new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    `${redactRedisUrl(url)} is a node of a Cluster, and another node may have the prefix; write redis+cluster://host1:6379,host2:6379`,
  );
}
