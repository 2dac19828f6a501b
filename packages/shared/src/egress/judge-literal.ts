import { type Egress, type Judgement } from './egress-policy.ts';
import { judgeAddress } from './judge-address.ts';
import { parseAddress } from './parse-cidr.ts';

/** The address that a URL names instead of a host; null for a name. Pure. */
export function literalAddress(url: URL): string | null {
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return parseAddress(literal) === null ? null : literal;
}

/**
 * Judges a URL whose host is an address, as a worker would before it connects; a name passes, because only the worker
 * knows what is behind it. Pure.
 */
export function judgeLiteral(raw: string, egress: Egress): Judgement {
  const url = URL.parse(raw);
  const literal = url === null ? null : literalAddress(url);
  return literal === null ? { ok: true } : judgeAddress(literal, egress);
}
