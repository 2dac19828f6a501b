import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import { itemBody, patternBytes, patternStream } from './bodies.ts';
import { type Exchange, BadRequest } from './exchange.ts';

/** Answers one request, now or later. What it throws is answered with 400 (BadRequest) or 500. */
export type Route = (exchange: Exchange) => void | Promise<void>;

const BINARY = { 'content-type': 'application/octet-stream' };

// The default body is requested thousands of times a second, so it is made once per size.
let homeBody = patternBytes(0);

/** `/`: bytes of the configured size. */
function home(exchange: Exchange): void {
  const { bodyBytes } = exchange.settings;
  if (homeBody.length !== bodyBytes) homeBody = patternBytes(bodyBytes);
  exchange.answer(200, homeBody, BINARY);
}

/** `/item/:n`: JSON of the configured size. */
function item(exchange: Exchange): void {
  exchange.answer(200, itemBody(exchange.rest, exchange.settings.bodyBytes), {
    'content-type': 'application/json',
  });
}

/**
 * `/status/:code?times=N&retryAfter=…&header=name:value`: that code, the first N times (default: always), then 200.
 * Times are counted per path and query, so a test is independent of others if it uses its own query.
 */
function status(exchange: Exchange): void {
  const code = exchange.count();
  if (code < 200 || code > 599) throw new BadRequest('/status/… must be 200 to 599');
  if (exchange.visit() > exchange.parameter('times', Infinity)) return exchange.json(200, { status: 200 });
  const headers: OutgoingHttpHeaders = {};
  const retryAfter = exchange.query.get('retryAfter');
  if (retryAfter !== null) headers['retry-after'] = retryAfter;
  for (const header of exchange.query.getAll('header')) {
    const colon = header.indexOf(':');
    headers[header.slice(0, colon)] = header.slice(colon + 1);
  }
  exchange.json(code, { status: code }, headers);
}

/** `/delay/:ms`: 200 after that time. */
function delay(exchange: Exchange): void {
  const ms = exchange.count();
  exchange.later(ms, () => exchange.json(200, { delayedMs: ms }));
}

/** `/bytes/:n`: n bytes, `patternBytes`. */
function bytes(exchange: Exchange): void {
  const length = exchange.count();
  const response = exchange.head(200, { ...BINARY, 'content-length': length });
  pipeline(patternStream(length), response, clientMayLeave);
}

/** `/gzip/:n`: the same n bytes, gzipped. */
function gzip(exchange: Exchange): void {
  const response = exchange.head(200, { ...BINARY, 'content-encoding': 'gzip' });
  pipeline(patternStream(exchange.count()), createGzip(), response, clientMayLeave);
}

/** `/redirect/:n?code=302`: n redirects, then `/`. */
function redirect(exchange: Exchange): void {
  const left = exchange.count();
  const code = exchange.parameter('code', 302);
  if (left === 0) return home(exchange);
  exchange.answer(code, '', { location: left === 1 ? '/' : `/redirect/${left - 1}?code=${code}` });
}

/** `/redirect-to?url=…&code=302`: one redirect to any place, well-formed or not. */
function redirectTo(exchange: Exchange): void {
  exchange.answer(exchange.parameter('code', 302), '', { location: exchange.query.get('url') ?? '' });
}

/** The largest body that `/echo` repeats: it is held in memory. */
const mostEchoed = 4 * 2 ** 20;

/** `/echo`: the request as JSON, whatever its method. */
async function echo(exchange: Exchange): Promise<void> {
  const { method, url, headers } = exchange.request;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of exchange.request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostEchoed) return exchange.json(413, { error: `more than ${mostEchoed} bytes` });
    chunks.push(chunk);
  }
  exchange.json(200, { method, url, headers, body: Buffer.concat(chunks).toString() });
}

/** `/json`: a small document. */
function json(exchange: Exchange): void {
  exchange.json(200, { ok: true, text: 'Grüße', list: [1, 2, 3], nothing: null });
}

function clientMayLeave(): void {
  // pipeline destroys both ends; a client that hangs up in the middle is no fault here.
}

/** `/hang`: the request is never answered. */
function hang(): void {}

/** The routes by the first part of their path. */
export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['', home],
  ['item', item],
  ['status', status],
  ['delay', delay],
  ['bytes', bytes],
  ['gzip', gzip],
  ['redirect', redirect],
  ['redirect-to', redirectTo],
  ['echo', echo],
  ['json', json],
  ['hang', hang],
]);

/** An upstream without this route answers 404. */
export const noRoute: Route = (exchange) => exchange.json(404, { error: `no route /${exchange.route}` });

/** Answers by a route. What it throws is answered, too: a fault in one exchange must not end the upstream. */
export async function perform(exchange: Exchange, route: Route): Promise<void> {
  try {
    await route(exchange);
  } catch (error) {
    if (exchange.response.headersSent || exchange.response.destroyed) return void exchange.response.destroy();
    exchange.json(error instanceof BadRequest ? 400 : 500, { error: String(error) });
  }
}
