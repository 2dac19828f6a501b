import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Blocked } from './open-connections.ts';

/** Open connections that no request uses yet, by origin. */
export type Parking = {
  /** Connections parked for an origin. */
  count(origin: string): number;
  park(origin: string, socket: Socket): void;
  /** A live connection, which the caller then owns; null when there is none. */
  take(origin: string): Promise<Socket | null>;
  /** Closes those that are blocked. */
  drop(blocked: Blocked): void;
  close(): void;
};

type Parked = { socket: Socket; alive: () => boolean; release: () => void; drop: () => void };

/** `idleMs`: how long a connection waits for its request. Servers close idle ones, often after 5 s. */
export function createParking(idleMs: number): Parking {
  const lots = new Map<string, Parked[]>();

  const forget = (origin: string, parked: Parked) => {
    const rest = (lots.get(origin) ?? []).filter((other) => other !== parked);
    if (rest.length === 0) lots.delete(origin);
    else lots.set(origin, rest);
  };

  return {
    count: (origin) => lots.get(origin)?.length ?? 0,

    park(origin, socket) {
      let alive = true;
      const release = () => {
        clearTimeout(timer);
        for (const event of events) socket.off(event, drop);
      };
      const drop = () => {
        alive = false;
        release();
        socket.destroy();
        forget(origin, parked);
      };
      const timer = setTimeout(drop, idleMs);
      // `readable`: the server closed its side, or sent something before it was asked (a 408, an error page), which
      // would be read as the answer to the first request.
      const events = ['readable', 'end', 'error', 'close'] as const;
      const parked: Parked = { socket, alive: () => alive && !socket.destroyed, release, drop };
      for (const event of events) socket.on(event, drop);
      lots.set(origin, [...(lots.get(origin) ?? []), parked]);
    },

    async take(origin) {
      for (;;) {
        const parked = lots.get(origin)?.at(-1);
        if (parked === undefined) return null;
        forget(origin, parked);
        // A close that has reached the machine but not this process is seen in the next turn of the event loop.
        await nextTurn();
        if (parked.alive()) {
          parked.release();
          return parked.socket;
        }
        parked.drop();
      }
    },

    drop(blocked) {
      for (const [origin, lot] of lots) {
        for (const parked of lot) if (blocked(origin, parked.socket) !== null) parked.drop();
      }
    },

    close() {
      for (const parked of [...lots.values()].flat()) parked.drop();
    },
  };
}
