import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { type Settled, type Sluice, SluiceError } from '@sluice/producer';

/** The end of a job as JSON. A body that is no text is in base64. */
export function endOf(id: string, queue: string, { outcome, body }: Settled) {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isText = isUtf8(bytes);
  return {
    id,
    queue,
    outcome,
    ...(bytes.length > 0 && (isText ? { body: bytes.toString() } : { bodyBase64: bytes.toString('base64') })),
  };
}

/** Whether the caller wants the body of the response alone. */
export function wantsBody(accept: string | undefined): boolean {
  return accept !== undefined && /(^|,)\s*application\/octet-stream\s*(;|,|$)/i.test(accept);
}

/**
 * The body of the upstream's response alone. Always as bytes: a page of the upstream must not run as one of the gateway.
 * @throws SluiceError as the job ended, when it ended without a response
 */
export async function sendBody(
  reply: FastifyReply,
  sluice: Sluice,
  { outcome, body }: Settled,
): Promise<Readable> {
  const { kind, response, error, stored, transformed } = outcome;
  if (kind !== 'response' || response === undefined) {
    throw new SluiceError(error?.code ?? 'SLUICE_INTERNAL', error?.message ?? `the job ended as ${kind}`);
  }
  const type = transformed?.contentType ?? [response.headers['content-type']].flat()[0];
  void reply.headers({
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    'sluice-upstream-status': response.status,
    ...(type !== undefined && { 'sluice-upstream-content-type': type }),
  });
  if (stored !== undefined) return await sluice.openBody(stored);
  return Readable.from([body], { objectMode: false });
}
