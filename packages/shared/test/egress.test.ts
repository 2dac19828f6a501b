import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Egress } from '../src/egress/egress-policy.ts';
import { closedPorts } from '../src/egress/infrastructure-ports.ts';
import { judgeAddress } from '../src/egress/judge-address.ts';
import { judgeHeaders, judgeMethod, judgeRequest } from '../src/egress/judge-request.ts';
import { judgeUrl } from '../src/egress/judge-url.ts';
import { contains, parseAddress, parseCidr } from '../src/egress/parse-cidr.ts';

type Row = {
  id: string;
  category: string;
  url: string;
  resolves_to: string[] | null;
  resolves_to_at_connect?: string[];
  verdict: 'allow' | 'block';
  stage: 'parse' | 'policy' | 'address' | 'connect' | 'redirect';
  why: string;
  overridable?: boolean;
  headers?: Record<string, string>;
  method?: string;
  env?: Record<string, string>;
  must_connect_to?: string[];
  policy?: { allowCidrs: string[]; allowHosts: string[] };
  redirects?: {
    location: string | string[];
    resolves_to: string[] | null;
    resolves_to_at_connect?: string[];
  }[];
};

const rows: readonly Row[] = JSON.parse(
  readFileSync(new URL('../../../test/cases/ssrf.json', import.meta.url), 'utf8'),
);

const nothing: Egress = { allow: [], allowHosts: [] };
const everything = (host: string): Egress => ({
  allow: ['0.0.0.0/0', '::/0'],
  allowHosts: [host, `*.${host}`],
});

/** The addresses that would be connected to; null when the request is refused. */
function reach(
  raw: string,
  answer: string[] | null,
  egress: Egress,
): { url: URL; addresses: string[] } | null {
  const judged = judgeUrl(raw, egress);
  if (!judged.ok) return null;
  if (answer === null) return { url: judged.url, addresses: [] };
  const addresses = answer.filter((ip) => judgeAddress(ip, egress, judged.url.hostname).ok);
  return addresses.length === 0 ? null : { url: judged.url, addresses };
}

function verdict(row: Row, egress: Egress): { verdict: 'allow' | 'block'; addresses: string[] } {
  const block = { verdict: 'block' as const, addresses: [] };
  if (judgeHeaders(row.headers ?? {}).length > 0 && row.category === 'request-shape') return block;
  if (row.method !== undefined && judgeMethod(row.method) !== null) return block;
  let at = reach(row.url, row.resolves_to_at_connect ?? row.resolves_to, egress);
  if (at === null) return block;
  const { addresses } = at;
  for (const hop of row.redirects ?? []) {
    if (typeof hop.location !== 'string') return block;
    const target = /^[a-z][a-z0-9+.-]*:/i.test(hop.location)
      ? hop.location
      : new URL(hop.location, at.url).href;
    at = reach(target, hop.resolves_to_at_connect ?? hop.resolves_to, egress);
    if (at === null) return block;
  }
  return { verdict: 'allow', addresses };
}

describe('the rows of test/cases/ssrf.json', () => {
  // A row about the environment is for real sockets: the connector's test has it.
  it.for(rows.filter((row) => row.env === undefined))('$id $url: $verdict ($why)', (row) => {
    const egress = row.policy
      ? { allow: row.policy.allowCidrs, allowHosts: row.policy.allowHosts }
      : { allow: [], allowHosts: [] };
    const found = verdict(row, egress);
    expect(found.verdict).toBe(row.verdict);
    if (row.must_connect_to) expect(found.addresses).toEqual(row.must_connect_to);
    if (row.overridable === false) {
      const host = URL.parse(row.url)?.hostname.replace(/\.$/, '') ?? '';
      expect(verdict(row, everything(host)).verdict).toBe('block');
    }
  });
});

const reasonOf = (judged: { ok: boolean; reason?: string }) => (judged.ok ? 'allowed' : judged.reason);

const urlReason = (raw: string) => reasonOf(judgeUrl(raw, nothing));

describe('judgeAddress', () => {
  it('names the address, what it is, and what would allow it', () => {
    expect(reasonOf(judgeAddress('127.0.0.1', nothing))).toBe(
      '127.0.0.1 is a loopback address; allow it with --allow-net 127.0.0.0/8 or egress.allow on the queue',
    );
    expect(reasonOf(judgeAddress('4000::1', nothing))).toContain('--allow-net 4000::1/128');
    expect(reasonOf(judgeAddress('169.254.170.2', nothing))).toBe(
      '169.254.170.2 is the ECS credential service; no allow list permits it',
    );
  });

  it.for([
    ['0.255.255.255', '1.0.0.0'],
    ['10.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.63.255.255'],
    ['100.127.255.255', '100.128.0.0'],
    ['127.255.255.255', '128.0.0.0'],
    ['169.254.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.15.255.255'],
    ['172.31.255.255', '172.32.0.0'],
    ['192.0.0.255', '192.0.1.0'],
    ['192.0.2.255', '192.0.3.0'],
    ['192.31.196.1', '192.31.197.0'],
    ['192.52.193.1', '192.52.194.0'],
    ['192.88.99.1', '192.88.100.0'],
    ['192.168.0.0', '192.167.255.255'],
    ['192.175.48.1', '192.175.49.0'],
    ['198.19.255.255', '198.20.0.0'],
    ['198.51.100.255', '198.51.101.0'],
    ['203.0.113.0', '203.0.112.255'],
    ['224.0.0.0', '223.255.255.255'],
    ['255.255.255.255', '8.8.8.8'],
    ['168.63.129.16', '168.63.129.17'],
    ['2001:1ff:ffff::1', '2001:200::1'],
    ['2001:db8:ffff::1', '2001:db9::1'],
    ['2002:808:808::1', '2003::1'],
    ['2620:4f:8000::1', '2620:4f:8001::1'],
    ['3fff:fff::1', '3fff:1000::1'],
    ['1fff::1', '2000::1'],
    ['4000::1', '3ffe::1'],
  ])('refuses %s and allows its neighbour %s', ([inside, outside]) => {
    expect(judgeAddress(inside!, nothing).ok).toBe(false);
    expect(judgeAddress(outside!, nothing)).toEqual({ ok: true });
  });

  it.for([
    '::',
    '::1',
    '::8.8.8.8',
    '::ffff:127.0.0.1',
    '::ffff:0:8.8.8.8',
    '64:ff9b:1::a00:1',
    '100::1',
    '100:0:0:1::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:2::1',
    '2001:10::1',
    '2001:20::1',
    '5f00::1',
    'fc00::1',
    'fdff::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    '2606:4700::5efe:a00:1',
    '2606:4700::200:5efe:a00:1',
    'fe80::1%eth0',
    '::1%lo',
    '0177.0.0.1',
    '127.1',
    'example.com',
    '',
  ])('refuses "%s"', (ip) => {
    expect(judgeAddress(ip, nothing).ok).toBe(false);
  });

  it.for([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::169.254.169.254',
    '64:ff9b:1:a9fe:a9:fe00::',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    '2001:0:808:808::5601:5601',
    '2606:4700::5efe:a9fe:a9fe',
    '169.254.42.42',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fe80::a9fe:a9fe',
  ])('never allows %s', (ip) => {
    expect(reasonOf(judgeAddress(ip, everything('example.com'), 'example.com'))).toContain(
      'no allow list permits it',
    );
  });

  it('allows the ranges of the list, in either family, mapped or not', () => {
    const egress = { allow: ['10.20.0.0/16', 'fd12::/16', '::ffff:192.168.1.0/120'], allowHosts: [] };
    expect(judgeAddress('10.20.1.5', egress).ok).toBe(true);
    expect(judgeAddress('::ffff:10.20.1.5', egress).ok).toBe(true);
    expect(judgeAddress('fd12::9', egress).ok).toBe(true);
    expect(judgeAddress('192.168.1.77', egress).ok).toBe(true);
    expect(judgeAddress('10.21.0.1', egress).ok).toBe(false);
    expect(judgeAddress('192.168.2.1', egress).ok).toBe(false);
  });

  it('judges the IPv4 address behind an allowed NAT64 prefix', () => {
    const nat64 = { allow: ['64:ff9b::/96'], allowHosts: [] };
    expect(judgeAddress('64:ff9b::8.8.8.8', nat64).ok).toBe(true);
    expect(reasonOf(judgeAddress('64:ff9b::10.0.0.1', nat64))).toBe(
      '64:ff9b::a00:1 leads to 10.0.0.1 (NAT64): ' +
        '10.0.0.1 is a private address; allow it with --allow-net 10.0.0.0/8 or egress.allow on the queue',
    );
    expect(
      judgeAddress('64:ff9b::10.0.0.1', { allow: [...nat64.allow, '10.0.0.0/8'], allowHosts: [] }).ok,
    ).toBe(true);
  });

  it('lets a host of allowHosts resolve to a private address, and to nothing else that is special', () => {
    const egress = { allow: [], allowHosts: ['api.internal.example', '*.corp.internal'] };
    expect(judgeAddress('10.99.0.7', egress, 'api.internal.example').ok).toBe(true);
    expect(judgeAddress('fd12::1', egress, 'x.corp.internal').ok).toBe(true);
    expect(judgeAddress('10.99.0.7', egress, 'xapi.internal.example').ok).toBe(false);
    expect(judgeAddress('10.99.0.7', egress, 'a.api.internal.example').ok).toBe(false);
    expect(judgeAddress('10.99.0.7', egress).ok).toBe(false);
    for (const ip of ['127.0.0.1', '::1', '0.0.0.0', '169.254.169.254', '100.100.100.200', '224.0.0.1']) {
      expect(judgeAddress(ip, egress, 'api.internal.example').ok).toBe(false);
    }
  });

  it('ignores a malformed range instead of allowing by it', () => {
    const egress = { allow: ['127.0.0.1/33', 'x', '', '10.0.0.0/'], allowHosts: [] };
    expect(judgeAddress('127.0.0.1', egress).ok).toBe(false);
    expect(judgeAddress('10.0.0.1', egress).ok).toBe(false);
  });
});

describe('judgeUrl', () => {
  it.for([
    'http://127.0.0.1./',
    'http://%31%32%37.0.0.1/',
    'http://[::ffff:7f00:1]/',
    'http://localhost./',
    'http://local\u00adhost/',
    'http://a.b.localhost/',
    'http://foo。localhost/',
    'http://redis/',
    'http://redis:6379/',
    'http://host.docker.internal/',
    'http://printer.local/',
    'http://kubernetes.default.svc./',
    'http://vault.service.consul/',
    'http://router.home.arpa/',
    'http://localhost.localdomain/',
    'http://metadata.goog/',
    'http://x.metadata.google.internal/',
    'http://example.com../',
    'http://.example.com/',
    `http://${'a'.repeat(64)}.example.com/`,
    'http://@example.com/',
    'http://:@example.com/',
    'http:\\\\user@example.com/',
    '//example.com/',
    'example.com',
    'file:///etc/passwd',
    'ftp://example.com/',
    'ws://example.com/',
    'https://example.com/a\r\nHost: b',
    'https://exa\tmple.com/',
    'https://example.com/\u007f',
    'https://example.com:65536/',
    'https://example.com:10080/',
    'http://example.com:6679/',
  ])('refuses %j', (raw) => {
    expect(judgeUrl(raw, nothing).ok).toBe(false);
  });

  it.for([
    ['HTTP://EXA\u00admple.COM.:80/a?b#c', 'http://example.com/a?b#c'],
    [' https://example.com/ ', 'https://example.com/'],
    ['https://example.com:8443/', 'https://example.com:8443/'],
    ['http://example.com/@127.0.0.1', 'http://example.com/@127.0.0.1'],
    ['http://example.com?@127.0.0.1', 'http://example.com/?@127.0.0.1'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example/'],
    ['http://localhost.example.com/', 'http://localhost.example.com/'],
    ['http://[2606:4700:4700::1111]:8080/', 'http://[2606:4700:4700::1111]:8080/'],
    ['http://134744072/', 'http://8.8.8.8/'],
  ])('allows %j as %s', ([raw, href]) => {
    const judged = judgeUrl(raw!, nothing);
    expect(judged.ok && judged.url.href).toBe(href);
  });

  it('allows internal names that the policy lists, compared in their normal form', () => {
    const egress = { allow: [], allowHosts: ['API.corp.internal.', '*.svc', 'redis'] };
    for (const host of ['api.corp.internal', 'API.Corp.Internal.', 'a.ns.svc', 'redis']) {
      expect(judgeUrl(`http://${host}/`, egress).ok).toBe(true);
    }
    for (const host of ['xapi.corp.internal', 'a.api.corp.internal', 'asvc', 'svc', 'xredis']) {
      expect(judgeUrl(`http://${host}/`, egress).ok).toBe(false);
    }
    expect(judgeUrl('http://metadata.google.internal/', { allow: [], allowHosts: ['*.internal'] }).ok).toBe(
      false,
    );
  });

  it('takes localhost for the loopback address, allowed with it', () => {
    expect(judgeUrl('http://localhost:3000/', { allow: ['127.0.0.0/8'], allowHosts: [] }).ok).toBe(true);
    expect(judgeUrl('http://app.localhost/', { allow: ['::1'], allowHosts: [] }).ok).toBe(true);
    expect(judgeUrl('http://localhost/', { allow: ['10.0.0.0/8'], allowHosts: [] }).ok).toBe(false);
  });

  const inside: Egress[] = [
    { allow: ['10.0.0.0/8'], allowHosts: [] },
    { allow: [], allowHosts: ['*.corp.internal'] },
  ];
  it.for([
    88, 445, 1433, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5984, 6379, 6443, 8200,
    8500, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 26379, 27017,
  ])('refuses port %d where internal addresses may be reached, unless the policy lists it', (port) => {
    for (const egress of inside) {
      for (const url of [
        `http://10.1.2.3:${port}/`,
        `https://a.corp.internal:${port}/`,
        `http://a.test:${port}/`,
      ]) {
        expect(judgeUrl(url, egress).ok).toBe(false);
      }
      const judged = judgeUrl(`http://a.test:${port}/`, egress);
      expect(reasonOf(judged)).toMatch(/^port \d+ belongs to \w.*list it in egress\.ports/);
      expect(judgeUrl(`http://a.test:${port}/`, { ...egress, ports: [443, port] }).ok).toBe(true);
    }
    expect(judgeUrl(`http://a.test:${port}/`, nothing).ok).toBe(true);
  });

  it.for([80, 443, 3000, 5000, 8000, 8080, 8443, 9000, 9090])('leaves port %d open', (port) => {
    for (const egress of inside) expect(judgeUrl(`http://a.test:${port}/`, egress).ok).toBe(true);
  });

  it('lists the ports that it refuses, each once, none that a system hands out', () => {
    expect([closedPorts(nothing), closedPorts({ ...inside[0]!, ports: [443] })]).toEqual([[], []]);
    for (const egress of inside) {
      const ports = closedPorts(egress).flatMap((group) => group.ports);
      expect(new Set(ports).size).toBe(ports.length);
      expect(Math.max(...ports)).toBeLessThan(32_768);
      for (const port of ports) expect(judgeUrl(`http://a.test:${port}/`, egress).ok).toBe(false);
    }
  });

  it('keeps to the ports that the policy lists, a bad one among them included, but never port 0', () => {
    const egress = { allow: [], allowHosts: [], ports: [443, 6000, 0] };
    expect(judgeUrl('https://example.com/', egress).ok).toBe(true);
    expect(judgeUrl('http://example.com:6000/', egress).ok).toBe(true);
    expect(judgeUrl('http://example.com/', egress).ok).toBe(false);
    expect(judgeUrl('http://example.com:0/', egress).ok).toBe(false);
  });

  it('says what is wrong and what would fix it', () => {
    expect(urlReason('http://redis/')).toBe(
      'redis is a name without a domain; allow it with egress.allowHosts on the queue',
    );
    expect(urlReason('http://localhost/')).toBe(
      'localhost is a name of this machine; allow it with --allow-net 127.0.0.0/8 or egress.allow on the queue',
    );
    expect(urlReason('gopher://127.0.0.1:6379/_FLUSHALL')).toBe(
      'gopher is not a scheme that Sluice fetches; use http or https',
    );
  });
});

describe('judgeHeaders and judgeMethod', () => {
  it.for([
    ['Connection', 'close'],
    ['upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABk'],
    ['keep-alive', 'timeout=5'],
    ['Proxy-Authorization', 'Basic x'],
    ['proxy-connection', 'keep-alive'],
    ['TE', 'trailers'],
    ['trailer', 'x'],
    ['Transfer-Encoding', 'chunked'],
    ['content-length', '0'],
    ['Host', 'other.example'],
    ['expect', '100-continue'],
    ['x', 'a\r\nb: c'],
    ['x', 'a\u0000'],
    ['x', 'a\nb'],
    ['x', '\u0100'],
    ['x y', '1'],
    ['x\r\ny', '1'],
    ['', '1'],
  ])('refuses %j: %j', ([name, value]) => {
    expect(judgeHeaders({ [name!]: value! })).toHaveLength(1);
  });

  it('lets ordinary headers pass, and lists every fault', () => {
    expect(judgeHeaders({ Accept: '*/*', authorization: 'Bearer x', 'x-a': 'a\tb é', cookie: '' })).toEqual(
      [],
    );
    expect(judgeHeaders({ host: 'a\r\n', te: 'x' })).toHaveLength(3);
  });

  it('refuses the methods that are not a fetch', () => {
    for (const method of ['CONNECT', 'connect', 'TRACE', 'track', '', 'GET /x', 'GET\r\n']) {
      expect(judgeMethod(method)).not.toBeNull();
    }
    for (const method of ['GET', 'POST', 'PURGE']) expect(judgeMethod(method)).toBeNull();
  });
});

describe('judgeRequest', () => {
  const request = { url: 'http://a.test/', method: 'POST', headers: {} } as const;
  const reason = (change: object) => {
    const judged = judgeRequest({ ...request, ...change });
    return judged.ok ? null : judged.reason;
  };

  it('gives the request back with its header names in lower case', () => {
    const plain = { ...request, headers: { 'x-a': 'B' } };
    expect(judgeRequest(plain)).toEqual({ ok: true, request: plain });
    expect(judgeRequest({ ...request, headers: { 'X-A': 'B', accept: 'c' } })).toEqual({
      ok: true,
      request: { ...request, headers: { 'x-a': 'B', accept: 'c' } },
    });
  });

  it.for(['GET', 'HEAD'])('refuses a %s with a body, an empty one, too', (method) => {
    for (const body of ['x', ''])
      expect(reason({ method, body })).toContain(`a ${method} request has no body`);
    expect(reason({ method })).toBeNull();
  });

  it('lets every other method have a body', () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect(reason({ method, body: 'x' })).toBeNull();
  });

  it.for(['CONNECT', 'TRACE', 'GET\r\nx'])('refuses the method %j', (method) => {
    expect(reason({ method })).not.toBeNull();
  });

  it('names each header that is there in several cases once, and the first three faults', () => {
    expect(reason({ headers: { 'X-A': '1', 'x-a': '2', 'X-a': '3' } })).toBe(
      'the header "x-a" is given more than once, in different cases; send it once',
    );
    expect(reason({ headers: { host: 'x', te: 'x', upgrade: 'x', trailer: 'x' } })).toMatch(
      /^the header "host" .*; the header "te" .*; the header "upgrade" .*; and 1 more$/,
    );
  });
});

describe('parseCidr', () => {
  it.for([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.1.2.3/8',
    'fd00::1/8',
    'fd00::/129',
    'fe80::1%eth0/64',
    '10.0.0.0/8/8',
    'localhost',
    '*',
    '',
  ])('refuses "%s"', (text) => {
    expect(parseCidr(text)).toBeNull();
  });

  it('reads ranges and lone addresses, and never matches across families', () => {
    expect(parseCidr('10.0.0.0/8')).toEqual({ bytes: [10, 0, 0, 0], length: 8 });
    expect(parseCidr('10.1.2.3')).toEqual({ bytes: [10, 1, 2, 3], length: 32 });
    expect(parseCidr(' fd00::/8 ')?.length).toBe(8);
    expect(parseCidr('::ffff:10.0.0.0/104')).toEqual({ bytes: [10, 0, 0, 0], length: 8 });
    expect(parseAddress('::ffff:1.2.3.4')).toEqual([1, 2, 3, 4]);
    expect(parseAddress('::1.2.3.4')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    expect(parseAddress('2001:DB8::')).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(parseAddress('1:2:3:4:5:6:7:8')).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]);
    expect(contains(parseCidr('0.0.0.0/0')!, parseAddress('255.1.2.3')!)).toBe(true);
    expect(contains(parseCidr('0.0.0.0/0')!, parseAddress('::1')!)).toBe(false);
    expect(contains(parseCidr('::/0')!, parseAddress('::ffff:1.2.3.4')!)).toBe(false);
    expect(contains(parseCidr('10.0.0.128/25')!, parseAddress('10.0.0.127')!)).toBe(false);
    expect(contains(parseCidr('10.0.0.128/25')!, parseAddress('10.0.0.128')!)).toBe(true);
  });
});
