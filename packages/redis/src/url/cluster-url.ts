import { type HostAndPort, readAuthority } from './hosts.ts';

/** A Redis Cluster: some of its nodes, which know the others. */
export type ClusterAddress = {
  nodes: HostAndPort[];
  /** Whether the connections are TLS. */
  tls: boolean;
  /** Empty: none. */
  username: string;
  password: string;
};

const form = 'redis+cluster://user:password@host1:6379,host2:6379';
const hosts = { kind: 'node', form, defaultPort: 6379 };

export const isClusterUrl = (text: string) => /^rediss?\+cluster:/i.test(text);

/**
 * Reads `redis+cluster://[user:password@]host[:port][,host[:port]…]`, or `rediss+cluster://` for TLS.
 * @returns the address, or every fault
 */
export function parseClusterUrl(text: string): ClusterAddress | string[] {
  const parts = /^redis(s?)\+cluster:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(text);
  if (parts === null) return [`must be of the form ${form}`];
  const [, tls, authority = '', path = '', query = ''] = parts;
  const faults: string[] = [];
  const { hosts: nodes, username, password } = readAuthority(authority, hosts, faults);
  if (!/^(\/0?)?$/.test(path)) {
    faults.push(`"${path}" is not allowed: a Cluster has only database 0; leave it out`);
  }
  if (query !== '')
    faults.push(`has options ("${query.replaceAll(/=[^&]*/g, '=…')}"); a Cluster URL takes none`);
  return faults.length > 0 ? faults : { nodes, tls: tls !== '', username, password };
}
