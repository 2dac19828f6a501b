import type { Socket } from 'node:net';

/** The connections of one agent to one origin. */
type Connections = {
  sockets: Set<Socket>;
  /** Requests under way, and those that were promised a connection. */
  users: number;
};

/** What an agent reports about its connections. */
export type ConnectionLog = {
  /** A connection was opened. */
  opened: (origin: string, socket: Socket) => void;
  /** A request needs a connection to this origin, until the result is disposed of. */
  use: (origin: string) => Disposable;
};

/**
 * Bounds the connections that a process keeps to origins that it has no request for, over all queues and origins: each
 * takes a file descriptor and some 27 KB, and a queue may have any number of origins. The connections of an origin that
 * is in use are bounded by the concurrency.
 */
export class IdleConnections {
  readonly #most: number;
  /** Origins without a request, the least recently used first. */
  readonly #idle = new Set<Connections>();
  #open = 0;

  /**
   * @param most with more open connections than this, those of idle origins are closed, the least recently used first
   */
  constructor(most: number) {
    this.#most = most;
  }

  /** The log of one agent. */
  log(): ConnectionLog {
    const origins = new Map<string, Connections>();
    const of = (origin: string): Connections => {
      let found = origins.get(origin);
      if (found === undefined) origins.set(origin, (found = { sockets: new Set(), users: 0 }));
      return found;
    };
    const forgetUnused = (origin: string, connections: Connections) => {
      if (connections.users > 0 || connections.sockets.size > 0) return;
      this.#idle.delete(connections);
      origins.delete(origin);
    };
    return {
      opened: (origin, socket) => {
        const connections = of(origin);
        connections.sockets.add(socket);
        this.#open += 1;
        socket.once('close', () => {
          if (!connections.sockets.delete(socket)) return;
          this.#open -= 1;
          forgetUnused(origin, connections);
        });
        if (connections.users === 0) this.#idle.add(connections);
        this.#bound();
      },
      use: (origin) => {
        const connections = of(origin);
        connections.users += 1;
        this.#idle.delete(connections);
        let isOver = false;
        return {
          [Symbol.dispose]: () => {
            if (isOver) return;
            isOver = true;
            connections.users -= 1;
            if (connections.users === 0) this.#idle.add(connections);
            forgetUnused(origin, connections);
            this.#bound();
          },
        };
      },
    };
  }

  #bound(): void {
    for (const connections of this.#idle) {
      if (this.#open <= this.#most) return;
      for (const socket of connections.sockets) socket.destroy();
      // Subtracted now, because they close in a later turn.
      this.#open -= connections.sockets.size;
      connections.sockets.clear();
      this.#idle.delete(connections);
    }
  }
}
