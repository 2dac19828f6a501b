import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import { listen } from '../listen.ts';
import { type Arrival, type ArrivalColumns, ArrivalLog, toArrivals } from './arrivals.ts';
import { type Clock, localClock } from './clock.ts';
import { Exchange } from '../../../packages/cli/src/demo-upstream/exchange.ts';
import { noRoute, perform, routes } from '../../../packages/cli/src/demo-upstream/routes.ts';
import { SlidingLimit, waitHeaders } from '../../../packages/cli/src/demo-upstream/sliding-limit.ts';
import { hostileRoutes } from './hostile-routes.ts';
import { type UpstreamOptions, type UpstreamSettings, changed, initialSettings, latency } from './options.ts';

/** A running upstream, in this process or in its own. */
export interface Upstream extends AsyncDisposable {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** The process it runs in. */
  readonly pid: number;
  /** Every request since the start or the last reset, in order of arrival. */
  arrivals(): Promise<Arrival[]>;
  /** The same as columns; `columns.t` is what the measures take. Cheap for a million arrivals. */
  arrivalColumns(): Promise<ArrivalColumns>;
  /** Forgets arrivals, counted `times` and what the limit has seen. Requests under way go on, unlogged. */
  reset(): Promise<void>;
  /** Requests that arrived, are not yet answered in full, and whose client has not left. */
  inFlight(): Promise<number>;
  /** Changes settings from the next request on. A new limit starts empty. @throws RangeError */
  set(change: Partial<UpstreamSettings>): Promise<void>;
  /** Drops every connection and stops. A second call does nothing. */
  close(): Promise<void>;
}

/**
 * Starts an upstream in this process.
 * Its arrival times suffer from whatever else this process does; to measure a rate, use `spawnUpstream`.
 */
export async function startUpstream(
  options: UpstreamOptions = {},
  clock: Clock = localClock,
): Promise<Upstream> {
  let settings = initialSettings(options);
  let limit = settings.limit && new SlidingLimit(settings.limit);
  let log = new ArrivalLog();
  let visits = new Map<string, number>();
  let inFlight = 0;
  let sockets = 0;
  const socketIds = new WeakMap<Socket, number>();

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const t = clock.now(); // first, so that nothing below delays it
    const { method = '', url: path = '', socket } = request;
    const waitMs = limit?.take(t) ?? 0;
    const rows = log; // the answer belongs to this log, even after a reset
    const row = rows.add({
      t,
      method,
      path,
      refused: waitMs > 0,
      socket: socketIds.get(socket) ?? 0,
      ...(settings.keepHeaders && { headers: request.headers }),
    });
    const exchange = new Exchange({
      request,
      response,
      settings,
      visit: () => count(visits, path),
      onAnswer: (status) => rows.answered(row, status),
    });
    inFlight++;
    response.once('close', () => {
      inFlight--;
      exchange.stop();
    });
    if (waitMs > 0 && settings.limit) {
      exchange.json(429, { error: 'too many requests' }, waitHeaders(settings.limit, waitMs));
    } else {
      const ms = latency(settings);
      if (ms > 0) exchange.later(ms, () => answer(exchange));
      else answer(exchange);
    }
  }

  const server = createServer(receive);
  server.on('connection', (socket) => socketIds.set(socket, ++sockets));
  // As in nginx: long enough that a client seldom meets a connection that is just closing.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;
  const { address, family, port } = await listen(server, {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    backlog: 4096, // the default drops connections when a large fleet starts at once
  });

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };

  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    pid: process.pid,
    arrivals: () => Promise.resolve(toArrivals(log.columns(clock.timeOrigin))),
    arrivalColumns: () => Promise.resolve(log.columns(clock.timeOrigin)),
    inFlight: () => Promise.resolve(inFlight),
    async reset() {
      log = new ArrivalLog();
      visits = new Map();
      limit = settings.limit && new SlidingLimit(settings.limit);
    },
    async set(change) {
      settings = changed(settings, change);
      if (change.limit !== undefined) limit = change.limit && new SlidingLimit(change.limit);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const allRoutes = new Map([...routes, ...hostileRoutes]);

const answer = (exchange: Exchange) => void perform(exchange, allRoutes.get(exchange.route) ?? noRoute);

function count(visits: Map<string, number>, path: string): number {
  const visit = (visits.get(path) ?? 0) + 1;
  visits.set(path, visit);
  return visit;
}
