import type { Dispatcher } from 'undici';
import type { StoredBody } from '@sluice/shared';
import { BodyTooLarge } from '../http/failure.ts';

/** Where a body goes that is larger than `above`; it may have up to `limit` bytes then. */
export type LargeBodies = {
  above: number;
  limit: number;
  put: (source: AsyncIterable<Uint8Array>) => Promise<StoredBody>;
};

/** `body` is empty when it is stored. */
export type ReadBody = { body: Uint8Array; stored?: StoredBody };

const none = new Uint8Array();

/** The bytes of a body as they come. @throws BodyTooLarge before more than `limit` has been given out */
async function* bounded(body: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (size > limit) throw new BodyTooLarge(limit);
    yield chunk;
  }
}

async function* join(first: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield* first;
  yield* rest;
}

/**
 * Reads a whole body of at most `limit` bytes, or streams it to where large ones go; of that, no more than
 * `large.above` and a few chunks are ever held. @throws BodyTooLarge before more than the limit is held
 */
export async function read(
  response: Dispatcher.ResponseData,
  inlineLimit: number,
  large: LargeBodies | null = null,
): Promise<ReadBody> {
  const { body, headers } = response;
  const limit = large?.limit ?? inlineLimit;
  try {
    const declared = headers['content-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0;
    if (declared > limit) throw new BodyTooLarge(limit);
    const source = bounded(body as AsyncIterable<Buffer>, limit);
    const chunks: Buffer[] = [];
    let size = 0;
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      chunks.push(next.value);
      size += next.value.length;
      if (large !== null && size > large.above) {
        return { body: none, stored: await large.put(join(chunks.splice(0), source)) };
      }
    }
    return { body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
  } catch (error) {
    // Also when the store fails: nobody reads on, and the connection must not wait for it.
    body.on('error', () => {}).destroy();
    throw error;
  }
}
