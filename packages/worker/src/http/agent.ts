import { Agent, type Dispatcher, interceptors } from 'undici';
import type { ServedQueue } from '../limits/policy.ts';
import { createConnector } from './connector.ts';
import { permitAge } from './permit-age.ts';

const connectTimeoutMs = 10_000;
const keepAliveMs = 10_000;

/** The connections of one queue: guarded, and never shared with another queue's egress policy. */
export type GuardedAgent = {
  dispatcher: Dispatcher;
  /**
   * Makes sure that a connection is there for one more request, so that no permit is spent on waiting for one.
   * Rejects as the request itself would. Call the result when the request was sent, or will not be.
   */
  prepare(origin: string): Promise<() => void>;
  close(): Promise<void>;
};

/**
 * @param slots requests in flight at most: as many connections per origin, else undici would queue requests whose
 *   permit is already running out
 * @param observeAge called with the age of each permit used, ms
 */
export function createAgent(
  queue: ServedQueue,
  slots: number,
  observeAge: (ageMs: number) => void,
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
    // The attempt's own timer rules.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  /** Requests per origin that have been promised a connection and not yet taken it. */
  const promised = new Map<string, number>();

  return {
    dispatcher: agent.compose(permitAge(observeAge), (dispatch) => (options, handler) => {
      // Without a limit on the decoded size, 500 bytes of gzip can become 200 MiB.
      // The reader's own limit is the smaller one where the body is not stored.
      const { maxBody, store } = queue.policy;
      const maxSize = Math.max(maxBody, store?.maxBody ?? 0);
      return interceptors.decompress({ maxSize, skipErrorResponses: false })(dispatch)(options, handler);
    }),

    prepare: async (origin) => {
      const before = promised.get(origin) ?? 0;
      promised.set(origin, before + 1);
      let done = false;
      const release = () => {
        if (done) return;
        done = true;
        const rest = (promised.get(origin) ?? 1) - 1;
        if (rest === 0) promised.delete(origin);
        else promised.set(origin, rest);
      };
      try {
        const stats = agent.stats[origin];
        const idle = stats === undefined ? 0 : Number(stats.connected) - stats.running;
        if (idle + connector.parked(origin) <= before) await connector.warm(origin);
        return release;
      } catch (error) {
        release();
        throw error;
      }
    },

    close: async () => {
      connector.close();
      await agent.destroy();
    },
  };
}
