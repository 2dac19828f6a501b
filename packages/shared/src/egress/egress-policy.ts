/** Where the requests of a queue may go besides the public internet. Part of the queue's policy. */
export type Egress = {
  /** Address ranges allowed besides global unicast, as CIDRs. A malformed one allows nothing. */
  allow: readonly string[];
  /**
   * Names allowed although they look internal: exact (`api.corp.internal`) or everything under a suffix
   * (`*.corp.internal`, which does not match `corp.internal` itself). Such a name may also resolve to a private
   * address (RFC 1918, RFC 6598, unique local): whoever controls its DNS chooses which.
   */
  allowHosts: readonly string[];
  /**
   * When set, the only ports that may be contacted. This is also how to allow a port that browsers block, or that
   * infrastructure uses.
   */
  ports?: readonly number[] | undefined;
};

/** The guard's answer. The reason says what was blocked, why, and what would allow it. */
export type Judgement = { ok: true } | { ok: false; reason: string };

/**
 * The form in which host names are compared: as the URL parser writes them (lower case, punycode, no soft hyphens),
 * without the dot that ends a fully qualified name. Null when it is not a host name.
 */
export function normalizeHost(host: string): string | null {
  const parsed = /[\s/\\?#@:]/.test(host) ? null : URL.parse(`http://${host}/`);
  return parsed === null ? null : parsed.hostname.replace(/\.$/, '');
}

/** Whether `allowHosts` names this host; `host` as `normalizeHost` gives it. */
export function isAllowedHost(host: string, egress: Egress): boolean {
  return egress.allowHosts.some((rule) => {
    const suffix = rule.startsWith('*.');
    const name = normalizeHost(suffix ? rule.slice(2) : rule);
    if (name === null || name === '') return false;
    // The dot is part of the suffix: `*.corp.internal` must not match `evilcorp.internal`.
    return suffix ? host.endsWith(`.${name}`) : host === name;
  });
}
