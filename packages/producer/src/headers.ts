import type { ResponseHead } from '@sluice/shared';

/** Headers that belong to one connection (RFC 9110, 7.6.1): they say nothing of the response that is here. */
const hopByHop = new Set(['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** The size and the encoding of a body that is not the upstream's any more. */
const ofTheBody = new Set(['content-length', 'content-encoding']);

const isOfTheConnection = (name: string, nominated: ReadonlySet<string>) =>
  hopByHop.has(name) || name.startsWith('proxy-') || nominated.has(name);

/**
 * The headers of a response for its reader. (The worker has removed the length and the encoding of a body that it
 * decoded.)
 * @param isTransformed the body is what a transform made of the upstream's
 */
export function endToEnd(head: ResponseHead['headers'], isTransformed: boolean): Headers {
  const headers = new Headers();
  const nominated = new Set(
    String(head['connection'] ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  for (const [name, value] of Object.entries(head)) {
    if (isOfTheConnection(name, nominated) || (isTransformed && ofTheBody.has(name))) continue;
    for (const line of Array.isArray(value) ? value : [value]) headers.append(name, line);
  }
  return headers;
}
