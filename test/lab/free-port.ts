import { createServer } from 'node:net';
import { listen } from './listen.ts';

/** A TCP port of the loopback address that nobody listens on now; a moment later somebody may. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
