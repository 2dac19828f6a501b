import { Agent, type Dispatcher, interceptors } from 'undici';
import type { ServedQueue } from '../limits/policy.ts';
import { createConnector } from './connector.ts';

const connectTimeoutMs = 10_000;

/** The connections of one queue: guarded, and never shared with another queue's egress policy. */
export type GuardedAgent = {
  dispatcher: Dispatcher;
  /** Opens a connection ahead of need, so that a permit is not spent on waiting for one. */
  warm(origin: string): Promise<void>;
  close(): Promise<void>;
};

/**
 * @param slots requests in flight at most: as many connections per origin, else undici would queue requests whose
 *   permit is already running out
 */
export function createAgent(queue: ServedQueue, slots: number): GuardedAgent {
  const connector = createConnector({ egress: () => queue.policy.egress, connectTimeoutMs });
  const agent = new Agent({
    connect: connector.connect,
    connections: slots,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    // The attempt's own timer rules; these only bound what it cannot see.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    // Raw bytes without a limit on the decoded size would let 500 bytes of gzip become 200 MiB.
    dispatcher: agent.compose((dispatch) => (options, handler) => {
      const maxSize = queue.policy.maxBody;
      return interceptors.decompress({ maxSize, skipErrorResponses: false })(dispatch)(options, handler);
    }),
    warm: (origin) => connector.warm(origin),
    close: async () => {
      connector.close();
      await agent.destroy();
    },
  };
}
