import { isIP } from 'node:net';

/** A range of addresses. Four bytes for IPv4, sixteen for IPv6; `length` is the prefix length in bits. */
export type Cidr = { bytes: readonly number[]; length: number };

/** Sixteen bytes that begin with ::ffff:0:0/96 are an IPv4 address in disguise (RFC 4291, 2.5.5.2). */
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const isMapped = (bytes: readonly number[]) =>
  bytes.length === 16 && mappedPrefix.every((byte, index) => bytes[index] === byte);

const hexGroups = (text: string) =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

/** `text` is valid IPv6. Parsed by hand: ipaddr.js 2.5 reads `::8.8.8.8` as `::ffff:8.8.8.8`, another address. */
function ipv6Bytes(text: string): readonly number[] {
  const hex = text.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a, b, c, d] = dotted.split('.').map(Number);
    return `${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}`;
  });
  const [before, after] = hex.split('::');
  const head = hexGroups(before!);
  const tail = hexGroups(after ?? '');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

function rawBytes(text: string): readonly number[] | null {
  // A zone (`fe80::1%eth0`) names an interface of this machine: it has no place in a URL, an answer or a list.
  if (text.includes('%')) return null;
  const family = isIP(text);
  if (family === 4) return text.split('.').map(Number);
  return family === 6 ? ipv6Bytes(text) : null;
}

/** The bytes of an IP address, with IPv4-mapped IPv6 unmapped; null when it is not an address. */
export function parseAddress(text: string): readonly number[] | null {
  const bytes = rawBytes(text);
  return bytes !== null && isMapped(bytes) ? bytes.slice(12) : bytes;
}

/**
 * `10.0.0.0/8`, `fd00::/8`, or a lone address (then of full length). Null when it is malformed. Bits set after the
 * prefix (`10.1.2.3/8`) are malformed, too, because it is not known whether the address or the length was meant.
 */
export function parseCidr(text: string): Cidr | null {
  const match = /^([0-9a-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(text.trim());
  const raw = match ? rawBytes(match[1]!) : null;
  if (!match || raw === null) return null;
  const length = match[2] === undefined ? raw.length * 8 : Number(match[2]);
  if (length > raw.length * 8) return null;
  const hostBits = raw.some(
    (byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, length - index * 8)))) !== 0,
  );
  if (hostBits) return null;
  // In mapped form it means the IPv4 range, because addresses are unmapped before they are compared.
  return isMapped(raw) && length >= 96
    ? { bytes: raw.slice(12), length: length - 96 }
    : { bytes: raw, length };
}

/** Whether the range holds the address. Families never match each other: `::/0` holds no IPv4 address. */
export function contains(cidr: Cidr, address: readonly number[]): boolean {
  if (cidr.bytes.length !== address.length) return false;
  return address.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, cidr.length - index * 8));
    const mask = 0xff & ~(0xff >> bits);
    return (byte & mask) === (cidr.bytes[index]! & mask);
  });
}

/** The text of an address's bytes, IPv6 in its short form. */
export function formatAddress(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (bytes[index * 2]! * 256 + bytes[index * 2 + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
