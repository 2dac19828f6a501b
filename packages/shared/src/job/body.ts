import { z } from 'zod';

/** What is sent as the body of a request. */
export type Body = string | URLSearchParams | ArrayBuffer | NodeJS.ArrayBufferView;

/** A body in the form that is enqueued. `type`: the content type that it has unless a header says another. */
export type PlainBody = { text: string; base64?: true; type?: string };

const isBytes = (value: unknown): value is ArrayBuffer | NodeJS.ArrayBufferView =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value);

/** The body of a spec whose `Blob` or `FormData` has been read (`readBody`). */
export const bodySchema = z.custom<Body>(
  (value) => typeof value === 'string' || value instanceof URLSearchParams || isBytes(value),
  'must be text, bytes (Uint8Array, ArrayBuffer), URLSearchParams, a Blob or FormData; give an object as json',
);

/** A copy: the job is written later. Pure. */
export function plainBody(body: Body): PlainBody {
  if (typeof body === 'string') return { text: body };
  if (body instanceof URLSearchParams) {
    return { text: body.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  const bytes = ArrayBuffer.isView(body)
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(body);
  return { text: bytes.toString('base64'), base64: true };
}
