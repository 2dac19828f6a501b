import { Agent, type Dispatcher, interceptors } from 'undici';
import type { Policy } from '@sluice/shared';
import type { ServedQueue } from '../limits/policy.ts';
import { createConnector } from './connector.ts';

const connectTimeoutMs = 10_000;
const defaultKeepAliveMs = 10_000;

/** The connections of one queue: guarded, and never shared with another queue's egress policy. */
export type GuardedAgent = {
  /** Decompresses, too. */
  dispatch: Dispatcher['dispatch'];
  /**
   * Makes sure that a connection is there for one more request, so that no permit is spent on waiting for one.
   * Rejects as the request itself would. A promise only when there is something to wait for.
   */
  prepare(origin: string): Claim | Promise<Claim>;
  close(): Promise<void>;
};

/** The claim of one request to a connection, until it has been answered or will not be sent. */
export class Claim {
  readonly #claims: Map<string, number> | null;
  readonly #origin: string;
  #released = false;

  /** @param claims by origin; null: of a request that needs none */
  constructor(claims: Map<string, number> | null, origin: string) {
    this.#claims = claims;
    this.#origin = origin;
    claims?.set(origin, (claims.get(origin) ?? 0) + 1);
  }

  [Symbol.dispose](): void {
    if (this.#claims === null || this.#released) return;
    this.#released = true;
    const rest = this.#claims.get(this.#origin)! - 1;
    if (rest === 0) this.#claims.delete(this.#origin);
    else this.#claims.set(this.#origin, rest);
  }
}

const noClaim = new Claim(null, '');

/** Without a limit on the decoded size, 500 bytes of gzip can become 200 MiB. */
function decompressed(policy: () => Policy): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => {
    let builtFor: number | undefined;
    let built = dispatch;
    return (options, handler) => {
      // The reader's own limit is the smaller one where the body is not stored.
      const { maxBody, store } = policy();
      const maxSize = Math.max(maxBody, store?.maxBody ?? 0);
      if (builtFor !== maxSize) {
        builtFor = maxSize;
        built = interceptors.decompress({ maxSize, skipErrorResponses: false })(dispatch);
      }
      return built(options, handler);
    };
  };
}

/**
 * @param slots requests in flight at most: as many connections per origin, else undici would queue requests whose
 *   permit is already running out
 * @param keepAliveMs how long a connection that is not used stays open. Default 10 s
 */
export function createAgent(
  queue: ServedQueue,
  slots: number,
  keepAliveMs = defaultKeepAliveMs,
): GuardedAgent {
  const connector = createConnector({
    egress: () => queue.policy.egress,
    connectTimeoutMs,
    maxParked: slots,
    parkedIdleMs: keepAliveMs,
  });
  const agent = new Agent({
    connect: connector.connect,
    connections: slots,
    pipelining: 1,
    // The connector offers HTTP/1.1 only; a probe for HTTP/2 would hold up the first requests of an origin.
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    // Whatever longer time the server offers: of each origin a connection takes 27 KB, and a queue may have any number.
    keepAliveMaxTimeout: keepAliveMs,
    // The attempt's own timer rules.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const dispatcher = agent.compose(decompressed(() => queue.policy));
  /** Requests per origin that were promised a connection, or have it. */
  const claims = new Map<string, number>();

  return {
    dispatch: (options, handler) => dispatcher.dispatch(options, handler),

    prepare: (origin) => {
      // Permits that cost nothing need not be kept waiting for.
      if (queue.policy.rate === null) return noClaim;
      const claim = new Claim(claims, origin);
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
