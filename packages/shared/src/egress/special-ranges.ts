import { type Cidr, contains, parseCidr } from './parse-cidr.ts';

export type SpecialRange = {
  cidr: Cidr;
  /** The range as written in an allow list; null for a range that should never be allowed as a whole. */
  text: string | null;
  /** What an address in it is, with an article. */
  what: string;
  /** An ordinary internal network: what a host named in `allowHosts` may resolve to. */
  internal: boolean;
};

/**
 * The IANA special-purpose registries for IPv4 and IPv6 (RFC 6890), the multicast and reserved blocks, and IPv6
 * transition forms. Entries that the registry calls globally reachable (AS112, AMT, ORCHIDv2, DRIP) are listed too:
 * nobody serves an API from them.
 */
const table: readonly (readonly [cidr: string, what: string, internal?: 'internal'])[] = [
  ['0.0.0.0/8', 'an address of "this network" (0.0.0.0 reaches the machine itself)'], // RFC 791
  ['10.0.0.0/8', 'a private address', 'internal'], // RFC 1918
  ['100.64.0.0/10', 'a shared (carrier-grade NAT) address', 'internal'], // RFC 6598; pods of EKS and GKE
  ['127.0.0.0/8', 'a loopback address'], // RFC 1122
  ['172.16.0.0/12', 'a private address', 'internal'], // RFC 1918
  ['192.0.0.0/24', 'an address for IETF protocols'], // RFC 6890
  ['192.0.2.0/24', 'an address for documentation'], // RFC 5737
  ['192.31.196.0/24', 'an AS112 address'], // RFC 7535
  ['192.52.193.0/24', 'an AMT relay address'], // RFC 7450
  ['192.88.99.0/24', 'a 6to4 relay address'], // RFC 7526
  ['192.168.0.0/16', 'a private address', 'internal'], // RFC 1918
  ['192.175.48.0/24', 'an AS112 address'], // RFC 7534
  ['198.18.0.0/15', 'an address for benchmarks'], // RFC 2544
  ['198.51.100.0/24', 'an address for documentation'], // RFC 5737
  ['203.0.113.0/24', 'an address for documentation'], // RFC 5737
  ['224.0.0.0/4', 'a multicast address'], // RFC 5771
  ['255.255.255.255/32', 'the broadcast address'], // RFC 919
  ['240.0.0.0/4', 'a reserved address'], // RFC 1112

  ['::/128', 'the unspecified address (it reaches the machine itself)'], // RFC 4291
  ['::1/128', 'a loopback address'], // RFC 4291
  ['::/96', 'an IPv4-compatible address'], // RFC 4291, deprecated
  ['::ffff:0:0:0/96', 'an IPv4-translated (SIIT) address'], // RFC 2765
  ['64:ff9b::/96', 'a NAT64 address'], // RFC 6052
  ['64:ff9b:1::/48', 'a local NAT64 address'], // RFC 8215
  ['100::/64', 'a discard-only address'], // RFC 6666
  ['100:0:0:1::/64', 'a dummy address'], // RFC 9780
  ['2001::/32', 'a Teredo address'], // RFC 4380
  ['2001::/23', 'an address for IETF protocols'], // RFC 2928: benchmarks, AMT, AS112, ORCHIDv2, DRIP
  ['2001:db8::/32', 'an address for documentation'], // RFC 3849
  ['2002::/16', 'a 6to4 address'], // RFC 3056
  ['2620:4f:8000::/48', 'an AS112 address'], // RFC 7534
  ['3fff::/20', 'an address for documentation'], // RFC 9637
  ['5f00::/16', 'a segment routing (SRv6) address'], // RFC 9602
  ['fc00::/7', 'a unique local address', 'internal'], // RFC 4193
  ['fec0::/10', 'a site-local address', 'internal'], // RFC 3879, deprecated
  ['ff00::/8', 'a multicast address'], // RFC 4291
];

const ranges: readonly SpecialRange[] = table.map(([text, what, internal]) => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new TypeError(`${text} is not a CIDR`);
  return { cidr, text, what, internal: internal !== undefined };
});

/** IANA has delegated only 2000::/3 for global unicast; the rest of IPv6 leads nowhere, or to somewhere local. */
const globalUnicast6 = parseCidr('2000::/3')!;
const notDelegated: SpecialRange = {
  cidr: parseCidr('::/0')!,
  text: null,
  what: 'outside 2000::/3, the only global unicast range of IPv6',
  internal: false,
};

/** The most specific special range that an address is in; null for a global unicast address. */
export function specialRange(address: readonly number[]): SpecialRange | null {
  const found = ranges.find((range) => contains(range.cidr, address));
  if (found) return found;
  return address.length === 16 && !contains(globalUnicast6, address) ? notDelegated : null;
}
