/** `443,9200` -> numbers; anything else becomes NaN, which the policy's schema reports. Pure. */
export function portList(text: string): number[] {
  return text.split(',').map((port) => (/^\s*\d+\s*$/.test(port) ? Number(port) : Number.NaN));
}
