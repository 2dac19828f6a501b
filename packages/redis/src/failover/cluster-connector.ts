import { Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type HostAndPort, formatHost } from '../url/hosts.ts';

/** A connection that has not ended this long after it was told to is cut, ms. A live node has answered by then. */
const endMs = 500;

const addresses = new WeakMap<object, string>();

/** Which node of a Cluster a connection leads to, as host:port. */
export const nodeOf = (stream: object | undefined) =>
  stream === undefined ? undefined : addresses.get(stream);

/**
 * A connector for ioredis that looks for the right node each time it connects. (ioredis' class for Clusters keeps
 * connections to all nodes, and would need another way to block, to listen and to read the clock.)
 * @param find the node
 */
export function clusterConnector(find: (signal: AbortSignal) => Promise<HostAndPort>, tls: boolean) {
  class ClusterConnector {
    /** ioredis reports it when the connection is dead from the start. */
    firstError: unknown;
    #stream: Socket | undefined;
    #looking: AbortController | undefined;

    async connect(): Promise<Socket> {
      const looking = new AbortController();
      this.#looking = looking;
      const ended = new Promise<never>((_, reject) => {
        looking.signal.addEventListener('abort', () => reject(new Error('Connection is closed.')));
      });
      let stream: Socket;
      try {
        const node = await Promise.race([find(looking.signal), ended]);
        stream = tls ? connectTls({ ...node }) : connectTcp({ ...node });
        addresses.set(stream, formatHost(node));
      } catch (error) {
        // Not a rejection: ioredis would give up for good. It retries a connection that is lost.
        this.firstError = error;
        stream = new Socket().destroy();
      }
      stream.once('error', (error) => (this.firstError = error));
      this.#looking = undefined;
      this.#stream = stream;
      return stream;
    }

    /** @param info the answer of INFO; false: this is not the node, look again */
    check(info: string): boolean {
      return !/^role:slave\r?$/m.test(info);
    }

    disconnect(): void {
      this.#looking?.abort();
      const stream = this.#stream;
      if (stream === undefined || stream.destroyed) return;
      const timer = setTimeout(() => stream.destroy(), endMs);
      stream.once('close', () => clearTimeout(timer));
      stream.end();
    }
  }
  // ioredis' type has protected members, which no other class can have.
  return ClusterConnector as unknown as new (options: unknown) => never;
}
