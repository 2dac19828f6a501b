/** One line of a byte stream, without its line break. */
export type Line = { number: number; bytes: Buffer } | { number: number; tooLong: true };

const newline = 0x0a;

/** A longer line is neither a URL nor a job that any queue would take. */
export const longestLine = 32 * 2 ** 20;

/**
 * Splits a byte stream into lines, numbered from 1. Bounded: of a line longer than `limit` bytes it keeps only the
 * number. Bytes, not text: a chunk may end inside a character.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  limit = longestLine,
): AsyncGenerator<Line, void, undefined> {
  let number = 1;
  let parts: Buffer[] = [];
  let size = 0;
  const take = (): Line => {
    const line: Line =
      size > limit
        ? { number, tooLong: true }
        : { number, bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts) };
    number += 1;
    parts = [];
    size = 0;
    return line;
  };
  const add = (part: Buffer) => {
    size += part.length;
    if (size > limit) parts = [];
    else parts.push(part);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (size > 0) yield take();
}
