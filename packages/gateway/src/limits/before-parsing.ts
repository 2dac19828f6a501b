import type { FastifyInstance } from 'fastify';
import { SluiceError } from '@sluice/shared';

/** All headers of a request, bytes; Node refuses more before anybody sees them. */
export const mostHeaderBytes = 16 * 2 ** 10;

/** The path of a request with its query, characters. */
export const longestUrl = 8000;

/** How deep the JSON of a body may be nested: a spec may hold 1,000 levels, and lies in a body. */
export const deepestJson = 1010;

/** Refuses what is too long or too deep before it is parsed. A body is bounded by Fastify's `bodyLimit`. */
export function limitRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ url }) => {
    if (url.length <= longestUrl) return;
    throw new SluiceError('SLUICE_URL_TOO_LONG', `the path is longer than ${longestUrl} characters`);
  });
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    const json = text as string;
    if (isTooDeep(json)) {
      const message = `the body is nested more than ${deepestJson} deep`;
      return void done(new SluiceError('SLUICE_INVALID_REQUEST', message));
    }
    void parse(request, json, done);
  });
}

const quote = 0x22;
const backslash = 0x5c;

/** Whether arrays and objects of a JSON text are nested deeper than `most`. Linear, and does not recurse. Pure. */
export function isTooDeep(json: string, most = deepestJson): boolean {
  if (json.length <= most) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) {
      at = endOfString(json, at);
      if (at === -1) return false;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > most) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/** The quote that ends a string; -1: there is none, so it is no JSON. @param from the quote that begins it */
function endOfString(json: string, from: number): number {
  let at = json.indexOf('"', from + 1);
  while (at !== -1 && isEscaped(json, at)) at = json.indexOf('"', at + 1);
  return at;
}

function isEscaped(json: string, at: number): boolean {
  let before = at - 1;
  while (json.charCodeAt(before) === backslash) before -= 1;
  return (at - 1 - before) % 2 === 1;
}
