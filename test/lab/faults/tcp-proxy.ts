import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A TCP proxy on the loopback address that can break connections in the ways that networks break them. */
export interface TcpProxy extends AsyncDisposable {
  host: string;
  port: number;
  /** How many connections are open on the client's side. */
  readonly connections: number;
  /** Resets every connection. New ones are served. */
  cut(): void;
  /** Resets new connections at once, until `heal`. Existing ones go on. */
  refuse(): void;
  /** Holds back the bytes of every connection, even of new ones, until `heal`; none is lost. */
  stall(): void;
  /** Existing connections die silently: their bytes are swallowed for good. New ones are served. */
  swallow(): void;
  /** Swallows existing connections, and serves no new ones until `heal`, as if the wire had been cut. */
  partition(): void;
  /**
   * The next bytes of a client that contain all these texts reach the server, but its answer does not reach the client:
   * the connection is reset instead. Resolves at the reset; by then the server has executed the command.
   */
  loseAnswer(...texts: string[]): Promise<void>;
  /** Ends `refuse`, `stall` and `partition`. What was swallowed stays swallowed. */
  heal(): void;
  stop(): Promise<void>;
}

interface Link {
  client: Socket;
  server: Socket;
  swallowed: boolean;
}

/** Starts a proxy for a server, on a free port unless one is given. While the server is down, connections are reset. */
export async function startTcpProxy(target: { host: string; port: number }, port = 0): Promise<TcpProxy> {
  const links = new Set<Link>();
  let accepting: 'yes' | 'reset' | 'silent' = 'yes';
  let stalled = false;
  /** What `loseAnswer` waits for. */
  let losing: { texts: string[]; lost: () => void } | undefined;
  /** Accepted and never answered. */
  const ignored = new Set<Socket>();

  const server = createServer((client) => {
    client.on('error', () => {});
    if (accepting === 'reset') return void client.resetAndDestroy();
    if (accepting === 'silent') {
      ignored.add(client);
      client.resume();
      client.on('close', () => ignored.delete(client));
      return;
    }
    const link = { client, server: connect(target), swallowed: false };
    links.add(link);
    join(link);
  });

  const join = (link: Link) => {
    const { client, server: upstream } = link;
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    const forward = (from: Socket, to: Socket) => {
      from.on('data', (chunk: Buffer) => {
        if (link.swallowed) return;
        const isLost = from === client && losing?.texts.every((text) => chunk.includes(text)) === true;
        if (!to.write(chunk)) from.pause();
        if (isLost) lose(link);
      });
      to.on('drain', () => {
        if (!stalled) from.resume();
      });
      from.on('end', () => link.swallowed || to.end());
      from.on('error', () => link.swallowed || to.resetAndDestroy());
      from.on('close', () => {
        // A dead wire tells the other end nothing. The server's end closes with the client's, to leave nothing behind.
        if (link.swallowed && from === upstream) return;
        links.delete(link);
        to.destroy();
      });
      if (stalled) from.pause();
    };
    forward(client, upstream);
    forward(upstream, client);
  };

  const lose = (link: Link) => {
    const { lost } = losing!;
    losing = undefined;
    link.swallowed = true;
    // The server reads to the end of what it was sent, answers, and closes.
    link.server.end();
    link.server.resume();
    link.server.once('close', () => {
      link.client.resetAndDestroy();
      lost();
    });
  };

  const each = (act: (socket: Socket) => void) => {
    for (const { client, server: upstream, swallowed } of links) {
      if (swallowed) continue;
      act(client);
      act(upstream);
    }
  };

  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TcpProxy = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    cut: () => each((socket) => socket.resetAndDestroy()),
    refuse: () => void (accepting = 'reset'),
    stall: () => {
      stalled = true;
      each((socket) => socket.pause());
    },
    swallow: () => {
      for (const link of links) {
        link.swallowed = true;
        // Keep reading, so that neither end notices a full buffer.
        link.client.resume();
        link.server.resume();
      }
    },
    partition: () => {
      proxy.swallow();
      accepting = 'silent';
    },
    loseAnswer: (...texts) =>
      new Promise((resolve) => {
        losing = { texts, lost: resolve };
      }),
    heal: () => {
      accepting = 'yes';
      stalled = false;
      each((socket) => socket.resume());
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const { client, server: upstream } of links) {
        client.destroy();
        upstream.destroy();
      }
      for (const socket of ignored) socket.destroy();
      await closed;
    },
    [Symbol.asyncDispose]: () => proxy.stop(),
  };
  return proxy;
}
