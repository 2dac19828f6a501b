import { contains, parseCidr } from './parse-cidr.ts';

/** An IPv4 address that an IPv6 address leads to. */
export type Embedded = {
  ipv4: readonly number[];
  /** How it is embedded, for the reason that a caller reads. */
  form: string;
  /** False where the position is a guess, because the length of the translation prefix is not known. */
  certain: boolean;
};

const range = (text: string) => parseCidr(text)!;
const compatible = range('::/96');
const translated = range('::ffff:0:0:0/96');
const nat64 = range('64:ff9b::/96');
const localNat64 = range('64:ff9b:1::/48');
const sixToFour = range('2002::/16');
const teredo = range('2001::/32');

const one = (form: string, ipv4: readonly number[]): Embedded => ({ ipv4, form, certain: true });

/**
 * The IPv4 addresses inside an IPv6 address, in every transition form: a translating gateway or a tunnel would carry
 * the connection there. IPv4-mapped addresses are unmapped earlier and do not occur here.
 */
export function embeddedIpv4(address: readonly number[]): readonly Embedded[] {
  if (address.length !== 16) return [];
  const at = (index: number) => address.slice(index, index + 4);

  if (contains(compatible, address)) {
    // :: and ::1 are in ::/96 too, but are addresses of their own.
    return at(12).every((byte, index) => byte === 0 || (index === 3 && byte === 1))
      ? []
      : [one('IPv4-compatible', at(12))];
  }
  if (contains(translated, address)) return [one('SIIT', at(12))];
  if (contains(nat64, address)) return [one('NAT64', at(12))];
  if (contains(localNat64, address)) {
    // RFC 6052, 2.2: after a /48, /56, /64 or /96; byte 8 is skipped.
    const bytes = [6, 7, 8, 12].map((start) =>
      start === 12 ? at(12) : [...address.slice(start, 8), ...address.slice(9)].slice(0, 4),
    );
    return bytes.map((ipv4) => ({ ipv4, form: 'NAT64', certain: false }));
  }
  if (contains(sixToFour, address)) return [one('6to4', at(2))];
  if (contains(teredo, address)) {
    // RFC 4380, 4: the server in clear, the client's address inverted.
    return [
      one('Teredo', at(4)),
      one(
        'Teredo',
        at(12).map((byte) => byte ^ 0xff),
      ),
    ];
  }
  // RFC 5214, 6.1: ISATAP writes 0000:5efe or 0200:5efe before the IPv4 address, under any prefix.
  const isatap =
    (address[8]! & 0xfd) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe;
  return isatap ? [one('ISATAP', at(12))] : [];
}
