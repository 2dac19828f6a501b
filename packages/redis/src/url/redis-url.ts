import { z } from 'zod';
import { isClusterUrl, parseClusterUrl } from './cluster-url.ts';
import { SluiceError } from '@sluice/shared';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';

/** The Redis to use when nobody names one. */
export const defaultRedisUrl = 'redis://127.0.0.1:6379';

const schemes = ['redis:', 'rediss:', 'redis+unix:'];

/** The value of an option whose name contains "password". */
const passwordOption = /([?&][^=&]*password[^=&]*=)[^&]*/gi;

/** What is wrong with the URL of one server. ioredis would use its defaults, or throw without naming the fault. */
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

/** An `@` after the hosts: the password contains a sign that ends them, and its rest would be quoted in a fault. */
function hasLoosePassword(text: string): boolean {
  const rest = text.replaceAll(passwordOption, '$1').replace(/^[a-z+]*:\/\//i, '');
  // The path of a socket may contain one.
  if (rest.startsWith('/')) return false;
  const authority = /^[^/?#]*/.exec(rest)![0];
  return rest.includes('@', authority.length);
}

/** What is wrong with a URL, if anything. Never quotes a password. */
function faultsOf(text: string): string[] {
  if (hasLoosePassword(text)) {
    return ['has a password with a / ? # or @ in it; write %2F %3F %23 %40 instead'];
  }
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

/**
 * A Redis URL without its passwords, for messages. A password that is not percent-encoded may contain any sign that
 * divides a URL, so everything up to the last `@` is hidden, except the user.
 */
export function redactRedisUrl(text: string): string {
  const [, scheme, all = ''] = /^([a-z+]+:\/\/)(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) throw new SluiceError('SLUICE_INVALID_CONFIG', 'not a Redis URL');
  const rest = all.replaceAll(passwordOption, '$1***');
  const at = rest.lastIndexOf('@');
  if (at === -1 || rest.startsWith('/')) return `${scheme}${rest}`;
  const credentials = rest.slice(0, at);
  const user = /^[^:@/?#]*/.exec(credentials)![0];
  return `${scheme}${user}${credentials === user ? '' : ':***'}${rest.slice(at)}`;
}
