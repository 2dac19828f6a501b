import { z } from 'zod';
import { isClusterUrl, parseClusterUrl } from './cluster-url.ts';
import { SluiceError } from '@sluice/shared';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';

const schemes = ['redis:', 'rediss:', 'redis+unix:'];

/** What is wrong with the URL of one server; ioredis would take its defaults instead, or throw without a name. */
function faultOfServer(text: string): string | null {
  const url = URL.parse(text);
  if (!schemes.includes(url?.protocol ?? '')) {
    return 'must be a URL such as redis://localhost:6379, redis+sentinel://host1:26379,host2:26379/primary-name or redis+cluster://host1:6379,host2:6379';
  }
  const { protocol, host, pathname, username, password } = url!;
  if (protocol === 'redis+unix:') {
    const absolute = host === '' && pathname.length > 1;
    return absolute
      ? null
      : 'must have three slashes before the path of the socket: redis+unix:///run/redis.sock';
  }
  if (!/^(\/\d{0,9})?$/.test(pathname)) {
    return `"${pathname}" is not a database; end it with a number, such as redis://localhost:6379/0`;
  }
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
  } catch {
    return 'its user or password has a bad percent sign; write a literal % as %25';
  }
  return null;
}

/** What is wrong with a URL, if anything. */
function faultsOf(text: string): string[] {
  if (isSentinelUrl(text) || isClusterUrl(text)) {
    const address = isSentinelUrl(text) ? parseSentinelUrl(text) : parseClusterUrl(text);
    return Array.isArray(address) ? address : [];
  }
  const fault = faultOfServer(text);
  return fault === null ? [] : [fault];
}

/**
 * Where Redis is: `redis://user:password@host:port/db`, `rediss://` for TLS, `redis+unix:///run/redis.sock`,
 * `redis+sentinel://user:password@host1:26379,host2:26379/primary-name/db` (`rediss+sentinel://` for TLS), or
 * `redis+cluster://user:password@host1:6379,host2:6379` (`rediss+cluster://` for TLS).
 */
export const redisUrlSchema = z.string().superRefine((text, ctx) => {
  for (const fault of faultsOf(text)) ctx.addIssue(fault);
});

/** A Redis URL without its passwords, for messages. */
export function redactRedisUrl(text: string): string {
  const [, scheme, authority = '', rest = ''] = /^([a-z+]+:\/\/)([^/?#]*)(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) throw new SluiceError('SLUICE_INVALID_CONFIG', 'not a Redis URL');
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(0, at)).split(':', 1)[0]!;
  const secret = at > user.length;
  const hosts = authority.slice(at + 1);
  const shown = at === -1 ? hosts : `${user}${secret ? ':***' : ''}@${hosts}`;
  return `${scheme}${shown}${rest.replaceAll(/([?&][^=&]*password[^=&]*=)[^&#]*/gi, '$1***')}`;
}
