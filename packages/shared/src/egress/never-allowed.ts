import { type Cidr, contains, parseCidr } from './parse-cidr.ts';

/**
 * Addresses that give credentials, or control over the machine, to whoever can send a GET. No allow list reaches them,
 * because a list is often wider than its author thought (`10.0.0.0/8`, `100.64.0.0/10`, `fd00::/8`, `0.0.0.0/0`).
 */
const addresses: readonly (readonly [cidr: string, what: string])[] = [
  // AWS, GCP, Azure, Oracle, DigitalOcean, OpenStack, Hetzner
  ['169.254.169.254/32', 'the instance metadata service'],
  ['169.254.170.2/32', 'the ECS credential service'],
  ['169.254.170.23/32', 'the EKS Pod Identity agent'],
  // Also the AWS resolver and clock (.253, .123), GKE's metadata proxy (.252), Tencent (169.254.0.23), Scaleway
  // (169.254.42.42), NodeLocal DNSCache (169.254.20.10): every platform puts such services here and no list of them
  // is complete, so all of link-local is blocked.
  ['169.254.0.0/16', 'a link-local address, where platforms keep metadata and credential services'],
  ['168.63.129.16/32', 'the Azure host agent'],
  ['100.100.100.200/32', 'the Alibaba Cloud metadata service'],
  ['100.96.0.96/32', 'the Volcengine metadata service'],
  ['192.0.0.192/32', 'the Oracle Cloud metadata service'],
  ['fd00:ec2::/32', 'an AWS instance service (metadata, EKS Pod Identity, DNS, time)'],
  ['fd20:ce::254/128', 'the GCP metadata service'],
  ['fd00:c1::a9fe:a9fe/128', 'the Oracle Cloud metadata service'],
  ['fd00:42::42/128', 'the Scaleway metadata service'],
  ['fd00:a9fe:a9fe::1/128', 'the Linode metadata service'],
  ['fe80::/10', 'a link-local address, where platforms keep metadata and credential services'],
];

/**
 * Names of the same services, blocked before any look-up. Their short forms (`metadata`) are not here: a company's own
 * service may have that name, and the address behind the name is judged anyway.
 */
const names: readonly string[] = [
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'metadata.platformequinix.com',
  'metadata.packet.net',
  'api.metadata.cloud.ibm.com',
  'instance-data.ec2.internal',
];

const ranges: readonly { cidr: Cidr; what: string }[] = addresses.map(([text, what]) => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new TypeError(`${text} is not a CIDR`);
  return { cidr, what };
});

/** What this address is, if it may never be contacted; null for any other. */
export function neverAllowedAddress(address: readonly number[]): string | null {
  return ranges.find((range) => contains(range.cidr, address))?.what ?? null;
}

/** Whether a normalised host name is one of a metadata service, or lies under one. */
export function isMetadataName(host: string): boolean {
  return names.some((name) => host === name || host.endsWith(`.${name}`));
}
