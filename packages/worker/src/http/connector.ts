import { type Socket, isIP } from 'node:net';
import { type Egress, judgeAddress, judgeUrl } from '@sluice/shared';
import { type buildConnector, errors } from 'undici';
import { dial } from './dial.ts';
import { EgressBlocked } from './egress-blocked.ts';
import { type TlsOptions, createHandshake } from './handshake.ts';
import { OpenConnections, type Blocked } from './open-connections.ts';
import { createParking } from './parking.ts';
import { type Resolve, createResolver } from './resolve.ts';
import { watchHeads } from './response-heads.ts';

export type ConnectorOptions = {
  /** Read at each connect, because a policy changes at run time. */
  egress: () => Egress;
  /** How long DNS, TCP and TLS may take together, ms. */
  connectTimeoutMs: number;
  /** Default: c-ares, then the system. */
  resolve?: Resolve;
  tls?: TlsOptions;
  /** Connections that `warm` may keep ready per origin. Default 2. */
  maxParked?: number;
  /** Called with each connection that was opened. */
  opened?: (origin: string, socket: Socket) => void;
  /** How long a connection that `warm` opened waits for its request, ms. Default 4000. */
  parkedIdleMs?: number;
};

export type Connector = {
  /** For `new Agent({ connect })`. Errors: `EgressBlocked`, a DNS, socket or TLS error with its code, or a timeout. */
  connect: buildConnector.connector;
  /**
   * Opens a connection to an origin ahead of need, so that a permit is not asked for before the connection exists. Does
   * nothing when `maxParked` are open or being opened. Rejects as `connect` would fail.
   */
  warm(origin: string): Promise<void>;
  /** Connections that `warm` opened to this origin and no request has taken yet. */
  parked(origin: string): number;
  /** Connections to this origin that were handed over and are alive. */
  live(origin: string): number;
  /**
   * To be called when the egress rules have changed: cuts the connections that they now block, and no others. @returns
   * how many were in use or idle
   */
  cutBlocked(): number;
  /** Closes parked connections and ends attempts under way. The agent closes those that were handed over. */
  close(): void;
};

type Target = { origin: string; protocol: string; host: string; port: number };

const bare = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1');

/** One address judged and pinned per connection: undici never looks up a name that came through here. */
export function createConnector(options: ConnectorOptions): Connector {
  const { egress, connectTimeoutMs, maxParked = 2, parkedIdleMs = 4000 } = options;
  const resolver = options.resolve ? { resolve: options.resolve, close: () => {} } : createResolver();
  const handshake = createHandshake(options.tls);
  const parking = createParking(parkedIdleMs);
  const underWay = new Set<AbortController>();
  const warming = new Map<string, number>();
  const handedOver = new OpenConnections();
  let closed = false;

  /** The guard before this one judged the URL. A redirect or a bug that bypassed it ends here. */
  function targetOf(url: string): Target {
    if (closed) throw new errors.ClientClosedError('the connector is closed');
    const judged = judgeUrl(url, egress());
    if (!judged.ok) throw new EgressBlocked(judged.reason);
    const { origin, protocol, hostname, port } = judged.url;
    return {
      origin,
      protocol,
      host: bare(hostname),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
    };
  }

  /** The addresses of the host that may be contacted. The others of a mixed answer are dropped, not fatal. */
  async function addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    const answer = await untilAborted(resolver.resolve(host), signal);
    if (answer.length === 0) {
      throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND', hostname: host });
    }
    const reasons: string[] = [];
    const allowed = answer.filter((ip) => {
      const judged = judgeAddress(ip, egress(), host);
      if (!judged.ok) reasons.push(judged.reason);
      return judged.ok;
    });
    if (allowed.length === 0)
      throw new EgressBlocked(`${host} resolves to a blocked address: ${some(reasons)}`);
    return allowed;
  }

  /** Judges a connection as a new one would be judged now: scheme, name and port, and what it is really connected to. */
  const blockedBecause: Blocked = (origin, { remoteAddress }) => {
    const place = judgeUrl(origin, egress());
    if (!place.ok) return place.reason;
    // It has closed.
    if (remoteAddress === undefined) return null;
    const peer = judgeAddress(remoteAddress, egress(), bare(place.url.hostname));
    return peer.ok ? null : peer.reason;
  };

  /** The last check, under the policy in force now. */
  function assertPeer(socket: Socket, { host, origin }: Target): void {
    if (socket.remoteAddress === undefined) {
      throw Object.assign(new Error(`${host} closed the connection`), { code: 'ECONNRESET' });
    }
    const reason = blockedBecause(origin, socket);
    if (reason !== null) throw new EgressBlocked(reason);
  }

  async function open(target: Target, localAddress?: string | null): Promise<Socket> {
    const { host, port, protocol, origin } = target;
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => {
      const message = `${origin} did not accept a connection within ${connectTimeoutMs} ms`;
      controller.abort(new errors.ConnectTimeoutError(message));
    }, connectTimeoutMs);
    underWay.add(controller);
    let socket: Socket | undefined;
    try {
      const addresses = await addressesOf(host, signal);
      socket = await dial(addresses, { port, localAddress, signal });
      // Before the handshake, too, because a ClientHello already sends something.
      assertPeer(socket, target);
      if (protocol === 'https:') {
        socket = await handshake(socket, { origin, host, signal });
        assertPeer(socket, target);
      }
      options.opened?.(origin, socket);
      return socket;
    } catch (error) {
      socket?.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      underWay.delete(controller);
    }
  }

  async function takeParked(target: Target): Promise<Socket | null> {
    const socket = await parking.take(target.origin);
    if (socket === null) return null;
    try {
      assertPeer(socket, target);
      return socket;
    } catch {
      // The policy has changed, or the connection has just closed. A new one finds an allowed address, or says why not.
      socket.destroy();
      return null;
    }
  }

  async function socketFor(request: buildConnector.Options): Promise<Socket> {
    if (request.httpSocket || request.socketPath) {
      throw new EgressBlocked(
        'a proxy or a Unix socket bypasses the egress guard; connect to the host itself',
      );
    }
    const host = isIP(request.hostname) === 6 ? `[${request.hostname}]` : request.hostname;
    const target = targetOf(`${request.protocol}//${host}${request.port === '' ? '' : `:${request.port}`}/`);
    const parked = request.localAddress ? null : await takeParked(target);
    const socket = parked ?? (await open(target, request.localAddress));
    handedOver.add(target.origin, socket);
    return socket;
  }

  async function deliver(request: buildConnector.Options, callback: buildConnector.Callback): Promise<void> {
    let socket: Socket;
    try {
      socket = await socketFor(request);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), null);
      return;
    }
    callback(null, watchHeads(socket));
  }

  return {
    connect(request, callback) {
      void deliver(request, callback);
    },

    async warm(url) {
      const target = targetOf(url);
      const { origin } = target;
      const pending = warming.get(origin) ?? 0;
      if (parking.count(origin) + pending >= maxParked) return;
      warming.set(origin, pending + 1);
      try {
        const socket = await open(target);
        if (closed) socket.destroy();
        else parking.park(origin, socket);
      } finally {
        const rest = (warming.get(origin) ?? 1) - 1;
        if (rest === 0) warming.delete(origin);
        else warming.set(origin, rest);
      }
    },

    parked: (origin) => parking.count(origin),

    live: (origin) => handedOver.count(origin),

    cutBlocked() {
      parking.drop(blockedBecause);
      return handedOver.cut(blockedBecause);
    },

    close() {
      closed = true;
      for (const controller of underWay)
        controller.abort(new errors.ClientClosedError('the connector is closed'));
      parking.close();
      resolver.close();
    },
  };
}

/** A name may have thousands of addresses. */
function some(reasons: readonly string[]): string {
  const more = reasons.length - 3;
  return `${reasons.slice(0, 3).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** A resolver takes no signal, and `getaddrinfo` cannot be stopped: an abort leaves it running. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return Promise.race([promise, aborted]);
}
