import { Agent, type Dispatcher } from 'undici';
import type { Policy } from '@sluice/shared';
import { createConnector } from './connector.ts';
import { createDecompressor } from './decompressor.ts';
import type { ConnectionLog, IdleConnections } from './idle-connections.ts';
import { HeadFirst, type RawHead } from './head-first.ts';

const connectTimeoutMs = 10_000;
const defaultKeepAliveMs = 10_000;

/**
 * The connections of one queue: guarded, and never shared with other queues, whose egress rules differ. Each is judged
 * by the rules in force when it is opened, and again when they change, so one agent serves the queue for good.
 */
export type GuardedAgent = {
  /** The egress rules in force now. */
  readonly egress: Policy['egress'];
  /** Cuts the connections that the rules now block; requests on others go on. @returns how many */
  cutBlocked(): number;
  /** Sends a request, and decompresses the response. */
  dispatch: (options: GuardedRequest, handler: Dispatcher.DispatchHandler) => void;
  /**
   * Makes sure that there is a connection for one more request, so that no permit is spent waiting for one. Rejects as
   * the request itself would. Returns a promise only when there is something to wait for.
   */
  prepare(origin: string): Disposable | Promise<Disposable>;
  close(): Promise<void>;
};

/** The claim of one request to a connection, until it has been answered or will not be sent. */
export class Claim {
  readonly #claims: Map<string, number>;
  readonly #origin: string;
  readonly #inUse: Disposable;
  #released = false;

  /** @param claims by origin */
  constructor(claims: Map<string, number>, origin: string, inUse: Disposable) {
    this.#claims = claims;
    this.#origin = origin;
    this.#inUse = inUse;
    claims.set(origin, (claims.get(origin) ?? 0) + 1);
  }

  [Symbol.dispose](): void {
    if (this.#released) return;
    this.#released = true;
    this.#inUse[Symbol.dispose]();
    const rest = this.#claims.get(this.#origin)! - 1;
    if (rest === 0) this.#claims.delete(this.#origin);
    else this.#claims.set(this.#origin, rest);
  }
}

/** The claim of a request that needs none. */
const noClaim: Disposable = { [Symbol.dispose]: () => {} };

/** A request, and what is called on its way. */
export type GuardedRequest = Dispatcher.DispatchOptions & {
  /** The request has been written, whole. */
  onSent?: () => void;
  /** The head of its response has come; none of its body is decoded yet. */
  onHead: (head: RawHead) => void;
};

/** Without a limit on the decoded size, 500 bytes of gzip can become 200 MiB. */
function decompressed(
  agent: Agent,
  policy: () => Policy,
  connections: ConnectionLog,
): GuardedAgent['dispatch'] {
  const raw = (options: Dispatcher.DispatchOptions, decoder: Dispatcher.DispatchHandler): boolean => {
    const { onSent, onHead, ...rest } = options as GuardedRequest;
    const inUse = connections.use(String(rest.origin));
    return agent.dispatch(rest, new HeadFirst(decoder, { method: rest.method, onSent, onHead, inUse }));
  };
  let builtFor: number | undefined;
  let built: Dispatcher['dispatch'] = raw;
  return (options, handler) => {
    // If the body is not stored, the reader applies its own, smaller limit.
    const { maxBody, store } = policy();
    const maxSize = Math.max(maxBody, store?.maxBody ?? 0);
    if (builtFor !== maxSize) {
      builtFor = maxSize;
      built = createDecompressor({ maxSize, skipErrorResponses: false })(raw);
    }
    built(options, handler);
  };
}

/**
 * @param slots the most requests in flight, and the most connections per origin: with fewer, undici would queue
 *   requests whose permit is already growing old
 * @param idle bounds the idle connections of all agents of the process
 * @param keepAliveMs how long an unused connection stays open. Default 10 s
 */
export function createAgent(
  queue: { readonly policy: Policy },
  slots: number,
  idle: IdleConnections,
  keepAliveMs = defaultKeepAliveMs,
): GuardedAgent {
  const connections = idle.log();
  const connector = createConnector({
    egress: () => queue.policy.egress,
    connectTimeoutMs,
    maxParked: slots,
    parkedIdleMs: keepAliveMs,
    opened: connections.opened,
  });
  const agent = new Agent({
    connect: connector.connect,
    connections: slots,
    pipelining: 1,
    // The connector offers HTTP/1.1 only; a probe for HTTP/2 would hold up the first requests of an origin.
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    // Even if the server offers longer: a connection takes 27 KB, and a queue may have any number of origins.
    keepAliveMaxTimeout: keepAliveMs,
    // The attempt's own timer decides.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  /** Requests per origin that were promised a connection, or have one. */
  const claims = new Map<string, number>();

  return {
    dispatch: decompressed(agent, () => queue.policy, connections),
    get egress() {
      return queue.policy.egress;
    },
    cutBlocked: () => connector.cutBlocked(),

    prepare: (origin) => {
      // Without a rate permits cost nothing, so no connection is needed first.
      if (queue.policy.rate === null) return noClaim;
      const claim = new Claim(claims, origin, connections.use(origin));
      if (connector.live(origin) + connector.parked(origin) >= claims.get(origin)!) return claim;
      return connector.warm(origin).then(
        () => claim,
        (error: unknown) => {
          claim[Symbol.dispose]();
          throw error;
        },
      );
    },

    close: async () => {
      connector.close();
      await agent.destroy();
    },
  };
}
