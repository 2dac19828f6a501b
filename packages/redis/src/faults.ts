import { SluiceError } from '@sluice/shared';
import { isClusterUrl } from './url/cluster-url.ts';
import { redactRedisUrl } from './url/redis-url.ts';
import { isSentinelUrl } from './url/sentinel-url.ts';

/** Turns what a Redis client throws while connecting into a SluiceError that names the server and the fix. */
export function redisFault(error: unknown, url: string): SluiceError {
  if (error instanceof SluiceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const where = redactRedisUrl(url);
  const through = isSentinelUrl(url);
  if (/NOAUTH|WRONGPASS|invalid username-password|without any password|NOPERM/i.test(text)) {
    const form = through
      ? 'redis+sentinel://user:password@host/name for Redis, ?sentinel_username=…&sentinel_password=… for the Sentinels'
      : `${isClusterUrl(url) ? 'redis+cluster' : 'redis'}://user:password@host:port`;
    const message = `${where} refuses the user or password (${text}); write them into the URL: ${form}`;
    return new SluiceError('SLUICE_REDIS_AUTH', message, { cause: error });
  }
  if (/^OOM|maxmemory/i.test(text)) {
    const message = `${where} has reached maxmemory; the job was not accepted. Raise maxmemory or let the queue drain`;
    return new SluiceError('SLUICE_REDIS_FULL', message, { cause: error });
  }
  if (text.startsWith('NOREPLICAS')) {
    const message = `${where} takes no writes because too few replicas are connected to it (min-replicas-to-write)`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (through && /No such master with that name|invalid reply: null/.test(text)) {
    const message = `${where} names a primary that its Sentinels do not know; take the name from SENTINEL MASTERS`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (/cluster support disabled/.test(text)) {
    const message = `${where} is not a Cluster; write redis://host:port`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  if (/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(text)) {
    const message = `no node of ${where} serves the prefix for now (${text}); a replica takes over, or its slot is being moved`;
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
  }
  const asked = text.startsWith('failed to connect to sentinel') ? 'are the Sentinels' : 'is Redis';
  const message = `${where} does not answer (${text || 'connection refused'}); ${asked} running there?`;
  return new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause: error });
}
