/** One server among several. */
export type HostAndPort = { host: string; port: number };

/** What a URL says before its path, when it names several hosts. */
export type Authority = {
  hosts: HostAndPort[];
  /** Empty: none. */
  username: string;
  password: string;
};

/** The text with its %XX decoded; `what` names it in a fault. */
export function decoded(text: string, what: string, faults: string[]): string {
  try {
    return decodeURIComponent(text);
  } catch {
    faults.push(`its ${what} has a bad percent sign; write a literal % as %25`);
    return '';
  }
}

function hostAndPort(text: string, kind: string, defaultPort: number, faults: string[]): HostAndPort {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:\s]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  if (host === '') {
    faults.push(`"${text}" is not a ${kind}; write host:port, or [address]:port for IPv6`);
  }
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) faults.push(`"${text}" has an impossible port; use 1 to 65535`);
  return { host, port };
}

function credentials(text: string, faults: string[]): { username: string; password: string } {
  const colon = text.indexOf(':');
  const username = colon === -1 ? text : text.slice(0, colon);
  const password = colon === -1 ? '' : text.slice(colon + 1);
  if (username !== '' && password === '') {
    faults.push('has a user without a password; write user:password@, or :password@ for a password alone');
  }
  return {
    username: decoded(username, 'user', faults),
    password: decoded(password, 'password', faults),
  };
}

/**
 * Reads `[user:password@]host[:port][,host[:port]…]`. Parsed by hand, because a WHATWG URL cannot have several hosts.
 * @param kind what the hosts are, in a fault
 * @param form how the whole URL is written
 * @param faults gets every fault
 */
export function readAuthority(
  text: string,
  { kind, form, defaultPort }: { kind: string; form: string; defaultPort: number },
  faults: string[],
): Authority {
  const at = text.lastIndexOf('@');
  const list = text.slice(at + 1);
  if (list === '') faults.push(`names no ${kind}; write ${form}`);
  return {
    hosts: list === '' ? [] : list.split(',').map((host) => hostAndPort(host, kind, defaultPort, faults)),
    ...credentials(at === -1 ? '' : text.slice(0, at), faults),
  };
}

/** The form that a URL has. */
export function formatHost({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
