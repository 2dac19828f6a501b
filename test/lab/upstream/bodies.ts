import { constants, crc32, deflateRawSync } from 'node:zlib';

export { itemBody, patternBytes, patternStream } from '../../../packages/cli/src/demo-upstream/bodies.ts';

const MEBIBYTE = 2 ** 20;

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
