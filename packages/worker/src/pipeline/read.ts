import type { Dispatcher } from 'undici';
import { BodyTooLarge } from '../http/failure.ts';

/** Reads a whole body of at most `limit` bytes. @throws BodyTooLarge before more than that is held */
export async function read(response: Dispatcher.ResponseData, limit: number): Promise<Uint8Array> {
  const { body, headers } = response;
  const declared = headers['content-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0;
  if (declared > limit) {
    body.on('error', () => {}).destroy();
    throw new BodyTooLarge(limit);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (size > limit) throw new BodyTooLarge(limit);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
