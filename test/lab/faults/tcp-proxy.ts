import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A TCP proxy on the loopback address whose connections can be broken in the ways that networks break them. */
export interface TcpProxy extends AsyncDisposable {
  host: string;
  port: number;
  /** Connections that are open on the client's side. */
  readonly connections: number;
  /** Resets every connection. New ones are served. */
  cut(): void;
  /** New connections are reset at once until `heal`. Those that exist go on. */
  refuse(): void;
  /** Bytes of every connection, new ones too, wait until `heal`; none is lost. */
  stall(): void;
  /** The connections of now are dead and do not say so: their bytes are swallowed for good. New ones are served. */
  swallow(): void;
  /** Swallows the connections of now, and serves no new one until `heal`: as if the wire had been cut. */
  partition(): void;
  /**
   * The next bytes of a client that hold all these texts reach the server, its answer does not reach the client: the
   * connection is reset instead. Resolves then; the server has done what it was asked for.
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

/** Starts one in front of a server, on a free port unless one is given. The server may be down: a connection to it is then reset. */
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
        // A dead wire tells the other end nothing; the server's end is closed with the client's, to leave nothing behind.
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
    // It reads to the end of what it was sent, answers, and closes.
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
        // Read on, so that neither end notices a full buffer.
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
