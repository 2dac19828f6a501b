import type { Socket } from 'node:net';
import { errors } from 'undici';
import { EgressBlocked } from './egress-blocked.ts';

/** Why a connection must not be used; null: it may be. */
export type Blocked = (origin: string, socket: Socket) => string | null;

/** The connections that were handed to the agent, used or idle, by origin. */
export class OpenConnections {
  readonly #sockets = new Map<string, Set<Socket>>();

  add(origin: string, socket: Socket): void {
    const sockets = this.#sockets.get(origin) ?? new Set();
    this.#sockets.set(origin, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) this.#sockets.delete(origin);
    });
  }

  /** How many connections to this origin are alive. */
  count(origin: string): number {
    let count = 0;
    // A destroyed socket stays in the set until it has closed.
    for (const socket of this.#sockets.get(origin) ?? []) if (!socket.destroyed) count += 1;
    return count;
  }

  /** Cuts blocked connections, with the requests under way on them. The others go on. @returns how many */
  cut(blocked: Blocked): number {
    let count = 0;
    for (const [origin, sockets] of this.#sockets) {
      for (const socket of sockets) {
        const reason = socket.destroyed ? null : blocked(origin, socket);
        if (reason === null) continue;
        socket.destroy(cutError(reason));
        count += 1;
      }
    }
    return count;
  }
}

/**
 * Has undici's own class: undici would give any other error also to a request that has not been sent and could use
 * another connection.
 */
function cutError(reason: string): Error {
  const cause = new EgressBlocked(`the policy changed while the request was under way: ${reason}`);
  return Object.assign(new errors.SocketError(cause.message), { cause });
}
