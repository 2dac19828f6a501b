import { Readable } from 'node:stream';
import { constants, crc32, deflateRawSync } from 'node:zlib';

const MEBIBYTE = 2 ** 20;

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

/**
 * A small, valid gzip member that unpacks to `mebibytes` of zeros (about 1 KB for each).
 * The blocks of a full flush refer to nothing before them, so one block, repeated, is a correct stream.
 */
export function gzipBomb(mebibytes: number): Buffer {
  const zeros = Buffer.alloc(MEBIBYTE);
  const block = deflateRawSync(zeros, { finishFlush: constants.Z_FULL_FLUSH });
  let sum = 0;
  for (let n = 0; n < mebibytes; n++) sum = crc32(zeros, sum);
  const trailer = Buffer.alloc(10);
  trailer[0] = 0x03; // an empty last block: 0x03 0x00
  trailer.writeUInt32LE(sum, 2);
  trailer.writeUInt32LE((mebibytes * MEBIBYTE) % 2 ** 32, 6);
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  return Buffer.concat([header, ...Array.from({ length: mebibytes }, () => block), trailer]);
}
