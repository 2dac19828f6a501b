import { z } from 'zod';
import { SluiceError } from './errors.ts';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';

const schemes = ['redis:', 'rediss:', 'redis+unix:'];

/** What is wrong with the URL of one server; ioredis would take its defaults instead, or throw without a name. */
function faultOfServer(text: string): string | null {
  const url = URL.parse(text);
  if (!schemes.includes(url?.protocol ?? '')) {
    return 'must be a URL such as redis://localhost:6379, or redis+sentinel://host1:26379,host2:26379/primary-name';
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

/**
 * Where Redis is: `redis://user:password@host:port/db`, `rediss://` for TLS, `redis+unix:///run/redis.sock`, or
 * `redis+sentinel://user:password@host1:26379,host2:26379/primary-name/db` (`rediss+sentinel://` for TLS).
 */
export const redisUrlSchema = z.string().superRefine((text, ctx) => {
  if (!isSentinelUrl(text)) {
    const fault = faultOfServer(text);
    if (fault !== null) ctx.addIssue(fault);
    return;
  }
  const address = parseSentinelUrl(text);
  if (Array.isArray(address)) for (const fault of address) ctx.addIssue(fault);
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
