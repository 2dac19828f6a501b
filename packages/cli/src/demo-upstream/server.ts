import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Exchange } from './exchange.ts';
import { noRoute, perform, routes } from './routes.ts';
import { SlidingLimit, type UpstreamLimit, waitHeaders } from './sliding-limit.ts';

export type DemoUpstreamOptions = {
  host: string;
  /** 0: a free one. */
  port: number;
  /** What it enforces; null: nothing. */
  limit: UpstreamLimit | null;
  /** Time from the arrival of a request to its answer, uniform between the two, ms. A rejection does not wait. */
  latencyMs: readonly [min: number, max: number];
  /** The share of requests that are answered with 500 instead, 0 to 1. */
  failures: number;
};

/** What it has answered so far. */
export type Counts = { answered: number; rejected: number; failed: number };

export interface DemoUpstream {
  /** `http://host:port`. */
  url: string;
  counts(): Counts;
  /** Drops every connection and stops. */
  close(): Promise<void>;
}

/** How many paths `?times=` counts. Beyond that it begins again: paths are made up by whoever asks. */
const mostPaths = 10_000;

/**
 * An upstream to try things against: it enforces a rate as a strict API does, and answers with a few routes.
 * @param random 0 to 1, for the latency and the failures
 * @throws the fault of listening, such as EADDRINUSE
 */
export async function startDemoUpstream(
  options: DemoUpstreamOptions,
  random: () => number = Math.random,
): Promise<DemoUpstream> {
  const { limit, failures } = options;
  const [min, max] = options.latencyMs;
  const sliding = limit && new SlidingLimit(limit);
  const counts: Counts = { answered: 0, rejected: 0, failed: 0 };
  const visits = new Map<string, number>();

  const visit = (path: string) => {
    if (visits.size >= mostPaths) visits.clear();
    const count = (visits.get(path) ?? 0) + 1;
    visits.set(path, count);
    return count;
  };

  const answer = (exchange: Exchange) => {
    if (random() < failures) {
      counts.failed += 1;
      return exchange.json(500, { error: 'a failure that was asked for' });
    }
    counts.answered += 1;
    return void perform(exchange, routes.get(exchange.route) ?? noRoute);
  };

  const receive = (request: IncomingMessage, response: ServerResponse) => {
    const waitMs = sliding?.take(performance.now()) ?? 0;
    const exchange = new Exchange({
      request,
      response,
      settings: { bodyBytes: 100 },
      visit: () => visit(request.url ?? ''),
      onAnswer: () => {},
    });
    response.once('close', () => exchange.stop());
    if (waitMs > 0 && limit !== null) {
      counts.rejected += 1;
      exchange.json(429, { error: 'too many requests' }, waitHeaders(limit, waitMs));
      return;
    }
    const ms = min + random() * (max - min);
    if (ms > 0) exchange.later(ms, () => answer(exchange));
    else answer(exchange);
  };

  const server = createServer(receive);
  server.keepAliveTimeout = 75_000;
  server.listen({ host: options.host, port: options.port, backlog: 1024 });
  await once(server, 'listening');
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    counts: () => ({ ...counts }),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
