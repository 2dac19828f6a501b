/** The longest text of an error that is stored, shown or logged, bytes of UTF-8. */
const longestBytes = 2048;

const mark = '…';

/**
 * Clips the text of an error: what an upstream, a resolver or a module says has no bound of its own, and the text is
 * kept in Redis once or twice a job. Never in the middle of a character.
 * @param bytes of UTF-8 that it may have, the mark of the clipping included. Default 2048
 */
export function clip(text: string, bytes = longestBytes): string {
  // No character is shorter than a third of its UTF-8 in UTF-16 units.
  if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - Buffer.byteLength(mark)));
  return `${text.slice(0, read)}${mark}`;
}
