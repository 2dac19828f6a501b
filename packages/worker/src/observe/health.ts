import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The health endpoint: `/livez` says that the process answers, `/readyz` that it takes jobs, or why not (503),
 * `/metrics` what it did, in the Prometheus format.
 */
export async function startHealthServer(
  options: { port: number; host: string },
  notReady: () => string[],
  serveMetrics: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; close(): void }> {
  const server: Server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/metrics') return serveMetrics(request, response);
    if (path !== '/livez' && path !== '/readyz') {
      response
        .writeHead(404, { 'content-type': 'text/plain' })
        .end('not found; try /livez, /readyz or /metrics\n');
      return;
    }
    const reasons = path === '/readyz' ? notReady() : [];
    response
      .writeHead(reasons.length === 0 ? 200 : 503, { 'content-type': 'application/json' })
      .end(`${JSON.stringify(reasons.length === 0 ? { status: 'ok' } : { status: 'not ready', reasons })}\n`);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port, options.host, resolve);
  await promise;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
