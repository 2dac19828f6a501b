/**
 * Top-level domains (and Kubernetes' `svc`) that name things inside a network: RFC 6761 (localhost), RFC 6762
 * (local, and the ones its appendix G found in use), RFC 8375 (home.arpa), ICANN's private-use `internal`, Consul.
 * `cluster.local` is under `local`.
 */
const internalSuffixes: ReadonlySet<string> = new Set([
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'svc',
  'arpa',
  'consul',
]);

/** `localhost` and everything under it: loopback by definition, never looked up in DNS (RFC 6761, 6.3). */
export function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

/** Why a normalised host name counts as internal, in words that follow "is"; null when it looks public. */
export function internalName(host: string): string | null {
  // The search domains of a pod turn `redis` into `redis.<namespace>.svc.cluster.local`.
  if (!host.includes('.')) return host === 'localhost' ? 'a name of this machine' : 'a name without a domain';
  const suffix = host.slice(host.lastIndexOf('.') + 1);
  return internalSuffixes.has(suffix) ? `an internal name (.${suffix})` : null;
}
