/** `443,9200` -> numbers; what is none becomes NaN, which the policy's schema refuses. Pure. */
export function portList(text: string): number[] {
  return text.split(',').map((port) => (/^\s*\d+\s*$/.test(port) ? Number(port) : Number.NaN));
}
