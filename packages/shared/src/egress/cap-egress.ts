import type { Policy } from '../policy/policy.ts';
import { isBadPort } from './bad-ports.ts';
import { type Egress, isAllowedHost, normalizeHost } from './egress-policy.ts';
import { closedTo } from './infrastructure-ports.ts';
import { type Cidr, contains, parseCidr } from './parse-cidr.ts';

type Rules = Policy['egress'];

/** Whether all addresses of one range are in the other. */
const isWithin = (inner: Cidr, outer: Cidr) =>
  inner.length >= outer.length && inner.bytes.length === outer.bytes.length && contains(outer, inner.bytes);

/** What two lists of ranges have in common, as texts of one or the other: of two ranges one has the other, or none of it. */
function commonRanges(wanted: readonly string[], most: readonly string[]): string[] {
  const common = wanted.flatMap((text) => {
    const range = parseCidr(text);
    return most
      .filter((other) => {
        const bound = parseCidr(other);
        return range !== null && bound !== null && (isWithin(range, bound) || isWithin(bound, range));
      })
      .map((other) => (isWithin(range!, parseCidr(other)!) ? text : other));
  });
  return [...new Set(common)];
}

/** The rules for names that the bounds have, too: the very rule, or one for fewer names. */
function commonHosts(wanted: readonly string[], most: Egress): string[] {
  return wanted.flatMap((rule) => {
    const isSuffix = rule.startsWith('*.');
    const name = normalizeHost(isSuffix ? rule.slice(2) : rule);
    if (name === null || name === '') return [];
    // A rule for all names below one is covered if any of them is, by a rule for all.
    const suffixes = { ...most, allowHosts: most.allowHosts.filter((other) => other.startsWith('*.')) };
    if (isSuffix ? isAllowedHost(`a.${name}`, suffixes) : isAllowedHost(name, most)) return [rule];
    // Of a rule that is wider than the bounds, what they leave.
    return isSuffix ? most.allowHosts.filter((other) => isBelow(other, name)) : [];
  });
}

/** Whether a rule is only for names below one. */
function isBelow(rule: string, name: string): boolean {
  const own = normalizeHost(rule.replace(/^\*\./, ''));
  return own !== null && own.endsWith(`.${name}`);
}

/**
 * What the egress rules of a policy allow within the bounds of a worker: never more than the one, nor than the other. Pure.
 * @param most what may be allowed at most; its `ports` and `redirectBodies` bound nothing where they are absent
 */
export function capEgress(rules: Rules, most: Rules): Rules {
  const allow = commonRanges(rules.allow, most.allow);
  const allowHosts = [...new Set(commonHosts(rules.allowHosts, most))];
  const capped: Rules = { ...rules, allow, allowHosts };
  if (most.ports !== undefined) {
    const isOpen = (port: number) =>
      rules.ports?.includes(port) ?? (!isBadPort(port) && closedTo(port, rules) === null);
    capped.ports = most.ports.filter(isOpen);
  }
  if (most.redirectBodies !== undefined && rules.redirectBodies !== undefined) {
    const { redirectBodies } = most;
    capped.redirectBodies = rules.redirectBodies.filter((origin) => redirectBodies.includes(origin));
  }
  return capped;
}
