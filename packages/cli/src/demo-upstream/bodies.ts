import { Readable } from 'node:stream';

// A prime period shows a lost, doubled or swapped chunk. The chunk holds whole periods, so chunks join seamlessly.
const CHUNK = Buffer.from(Uint8Array.from({ length: 251 * 261 }, (_, index) => index % 251));

/** The body of `/bytes/:n`, whole: byte `i` is `i % 251`. */
export function patternBytes(length: number): Buffer {
  return Buffer.alloc(length, CHUNK);
}

/** The same as a stream, for bodies that should not be in memory. */
export function patternStream(length: number): Readable {
  function* chunks(): Generator<Buffer> {
    for (let left = length; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, left);
  }
  return Readable.from(chunks(), { objectMode: false });
}

/** The body of `/item/:n`: JSON, padded to `length` bytes if it is shorter. */
export function itemBody(item: string, length: number): string {
  const bare = JSON.stringify({ item, pad: '' });
  return `${bare.slice(0, -2)}${' '.repeat(Math.max(0, length - Buffer.byteLength(bare)))}"}`;
}
