import { isBadPort } from './bad-ports.ts';
import { type Egress, type Judgement, isAllowedHost } from './egress-policy.ts';
import { closedTo } from './infrastructure-ports.ts';
import { internalName, isLocalhost } from './internal-names.ts';
import { judgeAddress } from './judge-address.ts';
import { isMetadataName } from './never-allowed.ts';
import { literalAddress } from './judge-literal.ts';

export type UrlJudgement = { ok: true; url: URL } | { ok: false; reason: string };

/**
 * Schemes with hosts that were accepted unchanged under an egress policy (which is replaced, never changed). A queue
 * asks for the same few hosts again and again.
 */
const accepted = new WeakMap<Egress, Set<string>>();
const mostAccepted = 1000;

function acceptedUnder(egress: Egress): Set<string> {
  let hosts = accepted.get(egress);
  if (hosts === undefined) accepted.set(egress, (hosts = new Set()));
  if (hosts.size >= mostAccepted) hosts.clear();
  return hosts;
}

const blocked = (reason: string) => ({ ok: false as const, reason });

/** The URL parser silently drops tabs and line breaks, so they must be found before it runs. */
function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}

/** Whether there is an `@` before the path, even where the parser would drop an empty user name (`http://@host/`). */
function hasUserinfo(raw: string): boolean {
  const authority = raw.trimStart().replace(/^[a-z][a-z0-9+.-]*:[\\/]*/i, '');
  return (authority.split(/[\\/?#]/, 1)[0] ?? '').includes('@');
}

function judgePort(url: URL, egress: Egress): Judgement {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (port === 0) return blocked('port 0 cannot be connected to; leave the port out or name the real one');
  if (egress.ports !== undefined) {
    if (egress.ports.includes(port)) return { ok: true };
    return blocked(`port ${port} is not among the ports of this queue; add it to egress.ports on the queue`);
  }
  if (isBadPort(port)) {
    return blocked(
      `port ${port} is not for HTTP (WHATWG bad port); to use it, list it in egress.ports on the queue`,
    );
  }
  const service = closedTo(port, egress);
  if (service === null) return { ok: true };
  return blocked(
    `port ${port} belongs to ${service}, and this queue may reach internal addresses; to use it, list it in egress.ports on the queue, with every other port in use`,
  );
}

function judgeName(host: string, egress: Egress): Judgement {
  if (isMetadataName(host)) return blocked(`${host} is a metadata service; no allow list permits it`);
  const labels = host.split('.');
  if (host.length > 253 || labels.some((label) => label === '' || label.length > 63)) {
    return blocked(
      `"${host}" is not a host name: a part is empty or longer than 63 characters, or the whole is longer than 253`,
    );
  }
  const why = internalName(host);
  if (why === null || isAllowedHost(host, egress)) return { ok: true };
  // Whoever allowed the loopback address has allowed its name.
  if (isLocalhost(host)) {
    const loopback = judgeAddress('127.0.0.1', egress);
    if (loopback.ok || judgeAddress('::1', egress).ok) return { ok: true };
    return blocked(
      `${host} is a name of this machine; allow it with --allow-net 127.0.0.0/8 or egress.allow on the queue`,
    );
  }
  return blocked(`${host} is ${why}; allow it with egress.allowHosts on the queue`);
}

/**
 * The rules that need only the URL, for a job's URL and for every redirect's. An accepted URL comes back with its host
 * normalised (no trailing dot), so that one host has one pool, one hold and one rule. The addresses behind a name are
 * judged at connect time: a name that passes here may still be blocked there.
 */
export function judgeUrl(raw: string, egress: Egress): UrlJudgement {
  if (hasControlCharacter(raw))
    return blocked('the URL has a control character; remove or percent-encode it');
  const url = URL.parse(raw);
  if (url === null) return blocked(`"${raw}" is not an absolute URL; write http://… or https://…`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return blocked(`${url.protocol.slice(0, -1)} is not a scheme that Sluice fetches; use http or https`);
  }
  if (url.username !== '' || url.password !== '' || hasUserinfo(raw)) {
    return blocked('the URL has a user name or password; send an authorization header instead');
  }
  const known = acceptedUnder(egress);
  const place = `${url.protocol}//${url.host}`;
  if (known.has(place)) return { ok: true, url };
  const port = judgePort(url, egress);
  if (!port.ok) return port;

  const literal = literalAddress(url);
  if (literal !== null) {
    const address = judgeAddress(literal, egress);
    if (!address.ok) return address;
    known.add(place);
    return { ok: true, url };
  }
  const host = url.hostname.replace(/\.$/, '');
  const name = judgeName(host, egress);
  if (!name.ok) return name;
  if (host === url.hostname) known.add(place);
  else url.hostname = host;
  return { ok: true, url };
}
