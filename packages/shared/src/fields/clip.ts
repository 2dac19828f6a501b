/** The longest error text that is stored, shown or logged, in bytes of UTF-8. */
const longestBytes = 2048;

const mark = '…';

/**
 * Clips the text of an error, because what an upstream, a resolver or a module says has no bound, and Redis keeps the
 * text once or twice per job. Never clips inside a character.
 * @param bytes the most bytes of UTF-8, including the mark that shows the clipping. Default 2048
 */
export function clip(text: string, bytes = longestBytes): string {
  // One UTF-16 unit is at most three bytes of UTF-8.
  if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - Buffer.byteLength(mark)));
  return `${text.slice(0, read)}${mark}`;
}
