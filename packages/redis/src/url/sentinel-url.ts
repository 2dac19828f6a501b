import { type HostAndPort, decoded, readAuthority } from './hosts.ts';

/** A Redis that is found through Sentinel: the Sentinels say which server is the primary now. */
export type SentinelAddress = {
  sentinels: HostAndPort[];
  /** The name that the Sentinels know the primary by. */
  name: string;
  db: number;
  /** Whether the connections to the Sentinels and to Redis are TLS. */
  tls: boolean;
  /** Empty: none. */
  username: string;
  password: string;
  sentinelUsername: string;
  sentinelPassword: string;
};

const form = 'redis+sentinel://user:password@host1:26379,host2:26379/primary-name/0';
const hosts = { kind: 'Sentinel', form, defaultPort: 26_379 };

export const isSentinelUrl = (text: string) => /^rediss?\+sentinel:/i.test(text);

/** `/primary-name`, or `/primary-name/0`. */
function nameAndDb(path: string, faults: string[]): { name: string; db: number } {
  const [name = '', db = '0', ...more] = path.replace(/^\//, '').split('/');
  if (name === '') {
    faults.push(`names no primary; end it with the name that the Sentinels know it by, such as ${form}`);
  } else if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    faults.push(`"${name}" cannot be the name of a primary; it has letters, digits and . _ - only`);
  }
  if (!/^\d{1,9}$/.test(db) || more.length > 0) {
    faults.push(`"/${[db, ...more].join('/')}" is not a database; end it with a number, such as /0`);
  }
  return { name, db: Number(db) };
}

function options(query: string, faults: string[]): { sentinelUsername: string; sentinelPassword: string } {
  const given = { sentinel_username: '', sentinel_password: '' };
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    if (name !== 'sentinel_username' && name !== 'sentinel_password') {
      faults.push(`has an unknown option "${name}"; use sentinel_username and sentinel_password`);
      continue;
    }
    given[name] = decoded(equals === -1 ? '' : part.slice(equals + 1), name, faults);
  }
  return { sentinelUsername: given.sentinel_username, sentinelPassword: given.sentinel_password };
}

/**
 * Reads `redis+sentinel://[user:password@]host[:port][,host[:port]…]/primary-name[/db]`, or `rediss+sentinel://` for
 * TLS. The user and password are those of Redis; those of the Sentinels are the options `sentinel_username` and
 * `sentinel_password`.
 * @returns the address, or every fault
 */
export function parseSentinelUrl(text: string): SentinelAddress | string[] {
  const faults: string[] = [];
  const parts = /^redis(s?)\+sentinel:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(text);
  if (parts === null) return [`must be of the form ${form}`];
  const [, tls, authority = '', path = '', query = ''] = parts;
  const { hosts: sentinels, username, password } = readAuthority(authority, hosts, faults);
  const address = {
    sentinels,
    ...nameAndDb(path, faults),
    tls: tls !== '',
    username,
    password,
    ...options(query, faults),
  };
  return faults.length > 0 ? faults : address;
}
