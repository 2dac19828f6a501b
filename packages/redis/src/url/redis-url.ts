import { z } from 'zod';
import { isClusterUrl, parseClusterUrl } from './cluster-url.ts';
import { SluiceError } from '@sluice/shared';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.ts';

/** Where a Redis is looked for when nobody says. */
export const defaultRedisUrl = 'redis://127.0.0.1:6379';

const schemes = ['redis:', 'rediss:', 'redis+unix:'];

/** The value of an option whose name speaks of a password. */
const passwordOption = /([?&][^=&]*password[^=&]*=)[^&]*/gi;

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

/** An `@` behind the hosts: the password has a sign that ends them, and what follows would be quoted as something else. */
function hasLoosePassword(text: string): boolean {
  const rest = text.replaceAll(passwordOption, '$1').replace(/^[a-z+]*:\/\//i, '');
  // The path of a socket may have one.
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
 * A Redis URL without its passwords, for messages. One that is not percent-encoded as it must be may hold any of the
 * signs that divide a URL: all up to the last `@` is hidden, but for the user.
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
