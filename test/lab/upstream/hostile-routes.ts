import { gzipBomb } from './bodies.ts';
import type { Exchange } from '../../../packages/cli/src/demo-upstream/exchange.ts';

/** `/hang-body`: headers and ten of a hundred bytes, then nothing. */
function hangBody(exchange: Exchange): void {
  exchange.head(200, { 'content-length': 100 }).write('x'.repeat(10));
}

/** `/drip?bytes=10&ms=100`: headers at once, then one byte every `ms`. */
function drip(exchange: Exchange): void {
  const bytes = exchange.parameter('bytes', 10);
  const ms = exchange.parameter('ms', 100);
  const response = exchange.head(200, { 'content-length': bytes });
  response.flushHeaders();
  let left = bytes;
  const next = (): void => {
    if (left-- === 0) return void response.end();
    response.write('.');
    exchange.later(ms, next);
  };
  next();
}

/** `/reset?after=N`: a TCP reset, at once or after the headers and N bytes of a body that announced N + 1. */
function reset(exchange: Exchange): void {
  const { socket } = exchange.request;
  if (!exchange.query.has('after')) return void socket.resetAndDestroy();
  const after = exchange.parameter('after', 0);
  const response = exchange.head(200, { 'content-length': after + 1 });
  response.flushHeaders();
  response.write('x'.repeat(after));
  // A reset discards what the client has not read yet, so give it a moment to read.
  exchange.later(20, () => socket.resetAndDestroy());
}

/** `/gzip-bomb?mb=1024`: about a thousandth of that on the wire. */
function bomb(exchange: Exchange): void {
  exchange.answer(200, gzipBomb(exchange.parameter('mb', 1024)), { 'content-encoding': 'gzip' });
}

/** `/big-headers?kb=64`: more response headers than an HTTP client should take. */
function bigHeaders(exchange: Exchange): void {
  const names = Array.from({ length: exchange.parameter('kb', 64) }, (_, n) => `x-big-${n}`);
  exchange.json(200, { headers: names.length }, Object.fromEntries(names.map((n) => [n, 'x'.repeat(1024)])));
}

/** `/1xx-forever?ms=20`: endless interim responses, each of which resets a naive idle timer. */
function interimForever(exchange: Exchange): void {
  const ms = exchange.parameter('ms', 20);
  const next = (): void => {
    exchange.response.writeProcessing();
    exchange.later(ms, next);
  };
  next();
}

/** Routes that misbehave as real servers do. */
export const hostileRoutes: [name: string, route: (exchange: Exchange) => void][] = [
  ['hang-body', hangBody],
  ['drip', drip],
  ['reset', reset],
  ['gzip-bomb', bomb],
  ['big-headers', bigHeaders],
  ['1xx-forever', interimForever],
];
