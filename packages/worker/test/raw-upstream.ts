import { type Socket, createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listen } from '../../../test/lab/listen.ts';

/** An upstream that says what no HTTP server would. */
export type RawUpstream = AsyncDisposable & {
  url: string;
  /** The first lines of the requests that came. */
  readonly requests: readonly string[];
  /** Connections that were made. */
  readonly connections: number;
};

async function send(socket: Socket, bytes: Buffer, pieces: number): Promise<void> {
  for (let at = 0; at < bytes.length && Number.isFinite(pieces); at += pieces) {
    socket.write(bytes.subarray(at, at + pieces));
    // Each in a segment of its own.
    await nextTurn();
  }
  socket.end(Number.isFinite(pieces) ? '' : bytes);
}

/**
 * Answers each request on 127.0.0.1, byte for byte.
 * @param answer what is written, and then the connection is closed; undefined: nothing, and it stays open
 * @param pieces bytes that are written at a time
 */
export async function startRawUpstream(
  answer?: (path: string) => string | Buffer | undefined,
  pieces = Number.POSITIVE_INFINITY,
): Promise<RawUpstream> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let head = '';
    socket.on('data', (chunk) => {
      const was = head;
      head += chunk.toString('latin1');
      if (was.includes('\r\n\r\n') || !head.includes('\r\n\r\n')) return;
      const [line = ''] = head.split('\r\n');
      requests.push(line);
      const bytes = answer?.(line.split(' ')[1] ?? '');
      if (bytes !== undefined) void send(socket, Buffer.from(bytes), pieces);
    });
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
