import { type Egress, type Judgement, isAllowedHost } from './egress-policy.ts';
import { embeddedIpv4 } from './embedded-ipv4.ts';
import { neverAllowedAddress } from './never-allowed.ts';
import { type Cidr, contains, formatAddress, parseAddress, parseCidr } from './parse-cidr.ts';
import { specialRange } from './special-ranges.ts';

/** Parsed once for each list: every connection is judged, and a policy's lists never change in place. */
const parsedLists = new WeakMap<readonly string[], readonly Cidr[]>();

function allowedRanges(egress: Egress): readonly Cidr[] {
  let ranges = parsedLists.get(egress.allow);
  if (ranges === undefined) {
    ranges = egress.allow.map(parseCidr).filter((cidr) => cidr !== null);
    parsedLists.set(egress.allow, ranges);
  }
  return ranges;
}

const blocked = (reason: string): Judgement => ({ ok: false, reason });

/**
 * Whether a connection to this IP address is allowed. Global unicast addresses and the ranges of `egress.allow` are;
 * metadata and link-local addresses are not, whatever a list says. IPv4 inside IPv6 is judged as the IPv4 address it
 * leads to. `host` is the name that resolved to the address, if any: a name in `egress.allowHosts` may resolve to a
 * private address.
 */
export function judgeAddress(ip: string, egress: Egress, host?: string): Judgement {
  const address = parseAddress(ip);
  if (address === null) return blocked(`"${ip}" is not an IP address`);
  return judgeBytes(address, formatAddress(address), egress, host);
}

function judgeBytes(address: readonly number[], name: string, egress: Egress, host?: string): Judgement {
  const never = neverAllowedAddress(address);
  if (never !== null) return blocked(`${name} is ${never}; no allow list permits it`);

  const embedded = embeddedIpv4(address);
  for (const { ipv4, form } of embedded) {
    const inner = neverAllowedAddress(ipv4);
    if (inner !== null) {
      return blocked(`${name} leads to ${formatAddress(ipv4)} (${form}), ${inner}; no allow list permits it`);
    }
  }

  const special = specialRange(address);
  const listed = allowedRanges(egress).some((cidr) => contains(cidr, address));
  if (special !== null && !listed) {
    if (special.internal && host !== undefined && isAllowedHost(host, egress)) return { ok: true };
    const range = special.text ?? `${name}/128`;
    return blocked(
      `${name} is ${special.what}; allow it with --allow-net ${range} or egress.allow on the queue`,
    );
  }

  // A network behind NAT64 lists 64:ff9b::/96 to reach IPv4 at all. This must not open its private IPv4 addresses.
  for (const { ipv4, form, certain } of embedded) {
    const inner = certain ? judgeBytes(ipv4, formatAddress(ipv4), egress, host) : null;
    if (inner !== null && !inner.ok)
      return blocked(`${name} leads to ${formatAddress(ipv4)} (${form}): ${inner.reason}`);
  }
  return { ok: true };
}
