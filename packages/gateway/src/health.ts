import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The health endpoint: `/livez`: the process answers; `/readyz`: it takes requests, or why not (503). */
export async function startHealth(
  { port, host }: { port: number; host: string },
  notReady: () => Promise<string[]> | string[],
): Promise<{ port: number; close(): void }> {
  const answer = async (path: string | undefined) => {
    if (path === '/livez') return { status: 200, body: { status: 'ok' } };
    if (path !== '/readyz') return { status: 404, body: { status: 'not found; try /livez or /readyz' } };
    const reasons = await notReady();
    return reasons.length === 0
      ? { status: 200, body: { status: 'ok' } }
      : { status: 503, body: { status: 'not ready', reasons } };
  };
  const server: Server = createServer((request, response) => {
    void answer(request.url?.split('?', 1)[0]).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`),
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await promise;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
