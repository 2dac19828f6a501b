import { createHash } from 'node:crypto';
import { type HeaderFields, type JobSpec, type NormalSpec, isObject } from '@sluice/shared';

/** The content type of a text, as fetch sends it. */
export const textType = 'text/plain;charset=UTF-8';

/** The same spec, whose body has the content type of a text if it is one and no header says another. */
export function withTextType(spec: NormalSpec): NormalSpec {
  const { body, base64, headers } = spec.request;
  if (body === undefined || base64 === true || headers['content-type'] !== undefined) return spec;
  return { ...spec, request: { ...spec.request, headers: { ...headers, 'content-type': textType } } };
}

/** What the boundary of a form is called by whoever writes it. */
const boundaryOf = (type: string) => /^multipart\/form-data;\s*boundary="?([^";]+)"?$/i.exec(type)?.[1];

/**
 * A multipart form with a boundary that follows from what is in it. With fetch's random one the same form would be
 * another payload each time, and its `idempotencyKey` taken.
 */
function settledForm(bytes: Buffer, type: string): { bytes: Buffer; type: string } {
  const random = boundaryOf(type);
  if (random === undefined) return { bytes, type };
  const parts = bytes.toString('latin1').split(random);
  const digest = createHash('sha256').update(parts.join('\n'), 'latin1').digest('hex');
  const boundary = `----sluice-${digest.slice(0, 40)}`;
  return {
    bytes: Buffer.from(parts.join(boundary), 'latin1'),
    type: `multipart/form-data; boundary=${boundary}`,
  };
}

function hasType(headers: HeaderFields): boolean {
  const names =
    Symbol.iterator in headers
      ? [...(headers as Iterable<[string]>)].map(([name]) => name)
      : Object.keys(headers);
  return names.some((name) => name.toLowerCase() === 'content-type');
}

function withType(headers: HeaderFields, type: string): HeaderFields {
  if (hasType(headers)) return headers;
  const fields =
    Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers);
  return [...fields, ['content-type', type]] as [string, string][];
}

const isRead = (body: unknown) => !(body instanceof Blob || body instanceof FormData);

/** Reads a body that is a `Blob` or `FormData`, with the content type that fetch gives it. Other specs are returned as they are. */
export async function readBody(spec: unknown): Promise<unknown> {
  if (!isObject(spec) || isRead(spec['body'])) return spec;
  const { body, headers = {} } = spec as unknown as JobSpec;
  const read = new Response(body as Blob | FormData);
  const form = settledForm(Buffer.from(await read.arrayBuffer()), read.headers.get('content-type') ?? '');
  const typed =
    form.type !== '' && isObject(headers) ? withType(headers as HeaderFields, form.type) : headers;
  return { ...spec, body: form.bytes, headers: typed };
}

/** Whether a spec has to be read before it can be validated. */
export function isUnread(spec: unknown): boolean {
  return isObject(spec) && !isRead(spec['body']);
}
