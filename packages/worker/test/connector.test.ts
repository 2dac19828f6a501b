import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  type Server,
  type Socket,
  createServer as createTcpServer,
  connect as tcpConnect,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Egress } from '@sluice/shared';
import { type ConnectorOptions, createConnector } from '../src/http/connector.ts';
import { EgressBlocked } from '../src/http/egress-blocked.ts';

const loopback: Egress = { allow: ['127.0.0.0/8', '::1/128'], allowHosts: [] };
const nothing: Egress = { allow: [], allowHosts: [] };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Listens, and keeps every connection that came. */
async function listen(server: Server, host = '127.0.0.1'): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  server.listen(0, host);
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // A TCP server on a port has this form of address.
  const address = server.address() as AddressInfo;
  return { port: address.port, sockets };
}

/** Answers with the remote port of the connection it was asked on. */
const upstream = (host?: string) =>
  listen(
    createServer((request, response) => response.end(String(request.socket.remotePort))),
    host,
  );

function connect(options: Partial<ConnectorOptions> = {}, agentOptions: Agent.Options = {}) {
  const connector = createConnector({ egress: () => loopback, connectTimeoutMs: 2000, ...options });
  const agent = new Agent({ ...agentOptions, connect: connector.connect });
  cleanups.push(() => {
    connector.close();
    return agent.destroy();
  });
  const get = async (url: string) => {
    const { body } = await request(url, { dispatcher: agent });
    return body.text();
  };
  return { connector, get };
}

const failure = async (promise: Promise<unknown>): Promise<Error & { code?: string }> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
};

describe('the address guard', () => {
  it('blocks a loopback address by default, in every spelling, before a connection is made', async () => {
    const { port, sockets } = await upstream();
    const { get } = connect({ egress: () => nothing });
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost']) {
      const error = await failure(get(`http://${host}:${port}/`));
      expect(error).toBeInstanceOf(EgressBlocked);
      expect(error).toMatchObject({ code: 'SLUICE_BLOCKED', reason: expect.stringContaining('--allow-net') });
    }
    expect(sockets).toHaveLength(0);
  });

  it('allows it when the policy lists it, over IPv4, IPv6 and by name', async () => {
    const four = await upstream();
    const six = await upstream('::1');
    const { get } = connect();
    await expect(get(`http://127.0.0.1:${four.port}/`)).resolves.toMatch(/^\d+$/);
    await expect(get(`http://[::1]:${six.port}/`)).resolves.toMatch(/^\d+$/);
    await expect(get(`http://localhost:${four.port}/`)).resolves.toMatch(/^\d+$/);
    await expect(get(`http://localhost:${six.port}/`)).resolves.toMatch(/^\d+$/);
  });

  it('blocks a name that resolves to a blocked address', async () => {
    const { port, sockets } = await upstream();
    const { get } = connect({ egress: () => nothing, resolve: async () => ['127.0.0.1', '10.0.0.1'] });
    const error = await failure(get(`http://api.example:${port}/`));
    expect(error).toBeInstanceOf(EgressBlocked);
    expect(error.message).toContain(
      'api.example resolves to a blocked address: 127.0.0.1 is a loopback address',
    );
    expect(sockets).toHaveLength(0);
  });

  it('names three of the blocked addresses of a name that has thousands, and counts the others', async () => {
    const addresses = Array.from({ length: 4000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    const { get } = connect({ egress: () => nothing, resolve: async () => addresses });
    const { message } = await failure(get('http://many.example/'));
    expect(message).toMatch(/: 10\.0\.0\.0 is .+; 10\.0\.0\.1 is .+; 10\.0\.0\.2 is .+; and 3997 more$/);
  });

  it('connects only to the allowed addresses of a mixed answer', async () => {
    const allowed = await upstream('127.0.0.1');
    const other = createServer((_, response) => response.end());
    other.listen(allowed.port, '127.0.0.2');
    await once(other, 'listening');
    cleanups.push(() => other.close());
    const refused = vi.fn();
    other.on('connection', refused);
    const egress = { allow: ['127.0.0.1'], allowHosts: [] };
    const { get } = connect({ egress: () => egress, resolve: async () => ['127.0.0.2', '127.0.0.1'] });
    await get(`http://mixed.example:${allowed.port}/`);
    expect(allowed.sockets).toHaveLength(1);
    expect(refused).not.toHaveBeenCalled();
  });

  it('resolves once per connection, and only that answer counts', async () => {
    const { port, sockets } = await upstream('0.0.0.0');
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1']];
    const resolve = vi.fn(async () => answers.shift() ?? []);
    const egress = { allow: ['127.0.0.1/32'], allowHosts: [] };
    const url = `http://rebind.example:${port}/`;
    // One agent per request, so that each makes a connection.
    const once = () => connect({ egress: () => egress, resolve }).get(url);
    await once();
    expect(await failure(once())).toBeInstanceOf(EgressBlocked);
    await once();
    expect(resolve).toHaveBeenCalledTimes(3);
    expect(sockets).toHaveLength(2);
    expect(sockets.map((socket) => socket.localAddress)).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  it('reads the policy at each connect', async () => {
    const { port } = await upstream();
    let egress = nothing;
    const { get } = connect({ egress: () => egress });
    const url = `http://127.0.0.1:${port}/`;
    expect(await failure(get(url))).toBeInstanceOf(EgressBlocked);
    egress = loopback;
    await expect(get(url)).resolves.toMatch(/^\d+$/);
  });

  it('blocks bad ports, internal names and metadata addresses itself, even if its caller forgot to', async () => {
    const resolve = vi.fn(async () => ['93.184.215.14']);
    const { get } = connect({ egress: () => ({ allow: ['0.0.0.0/0', '::/0'], allowHosts: [] }), resolve });
    for (const url of [
      'http://api.example:25/',
      'http://redis/',
      'http://169.254.169.254/',
      'http://metadata.goog/',
    ]) {
      expect(await failure(get(url))).toBeInstanceOf(EgressBlocked);
    }
    expect(resolve).not.toHaveBeenCalled();
  });

  it('blocks a Unix socket', async () => {
    const { connector } = connect();
    const options = {
      hostname: 'api.example',
      protocol: 'http:',
      port: '',
      socketPath: '/var/run/docker.sock',
    };
    const error = await new Promise((resolve) =>
      connector.connect(options, (...[failed]) => resolve(failed)),
    );
    expect(error).toBeInstanceOf(EgressBlocked);
  });

  it('ignores a proxy in the environment', async () => {
    const { port, sockets } = await upstream();
    const proxy = await upstream();
    const script = `
      import { Agent, request } from 'undici';
      import { createConnector } from '${new URL('../src/http/connector.ts', import.meta.url).href}';
      const egress = { allow: ['127.0.0.0/8'], allowHosts: [] };
      const { connect } = createConnector({ egress: () => egress, connectTimeoutMs: 2000, resolve: async () => ['127.0.0.1'] });
      const dispatcher = new Agent({ connect });
      const { statusCode } = await request('http://api.example:${port}/', { dispatcher });
      console.log(statusCode);
      await dispatcher.destroy();`;
    const proxyUrl = `http://127.0.0.1:${proxy.port}`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=sluice-source', '--input-type=module', '-e', script],
      {
        cwd: import.meta.dirname,
        env: {
          ...process.env,
          NODE_USE_ENV_PROXY: '1',
          HTTP_PROXY: proxyUrl,
          http_proxy: proxyUrl,
          NO_PROXY: '',
        },
      },
    );
    expect(stdout.trim()).toBe('200');
    expect(sockets).toHaveLength(1);
    expect(proxy.sockets).toHaveLength(0);
  });
});

describe('failing to connect', () => {
  it('keeps the code of a name that does not resolve', async () => {
    const notFound = Object.assign(new Error('queryA ENOTFOUND gone.example'), { code: 'ENOTFOUND' });
    const rejecting = connect({ resolve: () => Promise.reject(notFound) });
    expect(await failure(rejecting.get('http://gone.example/'))).toMatchObject({ code: 'ENOTFOUND' });
    const empty = connect({ resolve: async () => [] });
    expect(await failure(empty.get('http://gone.example/'))).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('goes on to the next address when one refuses', async () => {
    const { port, sockets } = await upstream('127.0.0.1');
    const { get } = connect({ resolve: async () => ['127.0.0.9', '::1', '127.0.0.1'] });
    await get(`http://api.example:${port}/`);
    expect(sockets).toHaveLength(1);
  });

  it('tries the next address beside one that does not answer', async () => {
    const { port } = await upstream('127.0.0.1');
    // A process that listens and never accepts: once its backlog is full, a connection to it hangs.
    const script = `
      const server = require('node:net').createServer();
      server.listen({ host: '127.0.0.3', port: ${port}, backlog: 1 }, () => {
        require('node:fs').writeSync(1, 'up');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`;
    const silent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    cleanups.push(() => silent.kill('SIGKILL'));
    await once(silent.stdout, 'data');
    for (let count = 0; count < 6; count++) {
      const filler = tcpConnect(port, '127.0.0.3').on('error', () => {});
      cleanups.push(() => filler.destroy());
    }
    const { get } = connect({ connectTimeoutMs: 60_000, resolve: async () => ['127.0.0.3', '127.0.0.1'] });
    await get(`http://api.example:${port}/`);
  });

  it('reports a refused connection as such when no address accepts', async () => {
    const { port } = await upstream('127.0.0.1');
    const { get } = connect({ resolve: async () => ['127.0.0.8', '127.0.0.9'] });
    expect(await failure(get(`http://api.example:${port}/`))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('bounds a look-up that never ends', async () => {
    const { get } = connect({ connectTimeoutMs: 100, resolve: () => new Promise(() => {}) });
    const error = await failure(get('http://slow.example/'));
    expect(error).toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' });
    expect(error.message).toBe('http://slow.example did not accept a connection within 100 ms');
  });

  it('bounds a TLS handshake that never ends, and closes its connection', async () => {
    const { port, sockets } = await listen(createTcpServer((socket) => socket.resume()));
    const { get } = connect({ connectTimeoutMs: 200 });
    const error = await failure(get(`https://127.0.0.1:${port}/`));
    expect(error).toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' });
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
  });

  it('ends attempts under way when it is closed', async () => {
    const { connector, get } = connect({ resolve: () => new Promise(() => {}) });
    const pending = failure(get('http://slow.example/'));
    await new Promise(setImmediate);
    connector.close();
    expect(await pending).toMatchObject({ code: 'UND_ERR_CLOSED' });
    expect(await failure(connector.warm('http://slow.example'))).toMatchObject({ code: 'UND_ERR_CLOSED' });
  });
});

describe('warm', () => {
  it('opens a connection that the next request uses, once', async () => {
    const { port, sockets } = await upstream();
    const { connector, get } = connect({}, { pipelining: 0 });
    const origin = `http://127.0.0.1:${port}`;
    await connector.warm(origin);
    await vi.waitFor(() => expect(sockets).toHaveLength(1));
    expect(await get(origin)).toBe(String(sockets[0]?.remotePort));
    expect(sockets).toHaveLength(1);
    expect(await get(origin)).toBe(String(sockets[1]?.remotePort));
    expect(sockets).toHaveLength(2);
  });

  it('serves further requests over the same connection, as undici reuses it', async () => {
    const { port, sockets } = await upstream();
    const { connector, get } = connect();
    const origin = `http://127.0.0.1:${port}`;
    await connector.warm(origin);
    for (let count = 0; count < 5; count++) {
      await get(origin);
      // undici takes a connection for free one turn after the body's end.
      await new Promise(setImmediate);
    }
    expect(sockets).toHaveLength(1);
  });

  it('compares origins in their normal form', async () => {
    const { port, sockets } = await upstream();
    const { connector, get } = connect({ resolve: async () => ['127.0.0.1'] });
    await connector.warm(`HTTP://API.example.:${port}/some/path`);
    await get(`http://api.example:${port}/`);
    expect(sockets).toHaveLength(1);
  });

  it('keeps no more than maxParked connections per origin, those under way included', async () => {
    const { port, sockets } = await upstream('0.0.0.0');
    const { connector } = connect({ maxParked: 2 });
    await Promise.all(Array.from({ length: 8 }, () => connector.warm(`http://127.0.0.1:${port}`)));
    await connector.warm(`http://127.0.0.1:${port}`);
    await connector.warm(`http://127.0.0.2:${port}`);
    await vi.waitFor(() => expect(sockets).toHaveLength(3));
  });

  it('does not hand out a connection that the server has closed', async () => {
    const { port, sockets } = await upstream();
    const { connector, get } = connect();
    const origin = `http://127.0.0.1:${port}`;
    await connector.warm(origin);
    await vi.waitFor(() => expect(sockets).toHaveLength(1));
    sockets[0]?.destroy();
    // The moment it is closed, and no later: the connector has not heard of it yet.
    await once(sockets[0]!, 'close');
    expect(await get(origin)).toBe(String(sockets[1]?.remotePort));
  });

  it('does not hand out a connection on which the server spoke first', async () => {
    const server = createTcpServer((socket) => {
      if (first) socket.write('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n');
      else socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
      first = false;
    });
    let first = true;
    const { port, sockets } = await listen(server);
    const { connector, get } = connect();
    await connector.warm(`http://127.0.0.1:${port}`);
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
    expect(await get(`http://127.0.0.1:${port}/`)).toBe('ok');
  });

  it('closes a connection that no request took', async () => {
    const { port, sockets } = await upstream();
    const { connector } = connect({ parkedIdleMs: 30 });
    await connector.warm(`http://127.0.0.1:${port}`);
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
  });

  it('closes its connections with the connector', async () => {
    const { port, sockets } = await upstream();
    const { connector } = connect();
    await connector.warm(`http://127.0.0.1:${port}`);
    await vi.waitFor(() => expect(sockets).toHaveLength(1));
    connector.close();
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
  });

  it('does not hand out a connection that the policy now blocks', async () => {
    const { port, sockets } = await upstream();
    let egress = loopback;
    const { connector, get } = connect({ egress: () => egress, resolve: async () => ['127.0.0.1'] });
    await connector.warm(`http://api.example:${port}`);
    egress = nothing;
    expect(await failure(get(`http://api.example:${port}/`))).toBeInstanceOf(EgressBlocked);
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
    expect(sockets).toHaveLength(1);
  });

  it('fails as the request would', async () => {
    const { port } = await upstream();
    const blocked = connect({ egress: () => nothing });
    expect(await failure(blocked.connector.warm(`http://127.0.0.1:${port}`))).toBeInstanceOf(EgressBlocked);
    const refused = connect();
    expect(await failure(refused.connector.warm(`http://127.0.0.9:${port}`))).toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});

describe('TLS', () => {
  let directory: string;
  let pem: { key: string; cert: string };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
    const key = join(directory, 'key.pem');
    const cert = join(directory, 'cert.pem');
    const names = 'subjectAltName=DNS:api.example,IP:127.0.0.1';
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const subject = ['-subj', '/CN=api.example', '-addext', names];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '2', ...curve, ...subject, ...files], {
      stdio: 'ignore',
    });
    pem = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function secureUpstream() {
    const seen: {
      servername: string | false | undefined;
      alpn: string | false | null;
      reused: boolean;
      port: number;
    }[] = [];
    const answer = ({ socket }: IncomingMessage) => String(socket.remotePort);
    const server = createTlsServer({ ...pem, ALPNProtocols: ['h2', 'http/1.1'] }, (request, response) =>
      response.end(answer(request)),
    );
    server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) =>
      seen.push({
        servername: socket.servername,
        alpn: socket.alpnProtocol,
        reused: socket.isSessionReused(),
        port: socket.remotePort ?? 0,
      }),
    );
    return { ...(await listen(server)), seen };
  }

  const resolve = async () => ['127.0.0.1'];

  it('checks the certificate against the name while it connects to the pinned address, over HTTP/1.1', async () => {
    const { port, seen } = await secureUpstream();
    const { get } = connect({ resolve, tls: { ca: pem.cert } });
    await get(`https://api.example:${port}/`);
    expect(seen).toMatchObject([{ servername: 'api.example', alpn: 'http/1.1', reused: false }]);
  });

  it('checks an address against the addresses of the certificate', async () => {
    const { port, seen } = await secureUpstream();
    const { get } = connect({ tls: { ca: pem.cert } });
    await get(`https://127.0.0.1:${port}/`);
    expect(seen[0]?.servername).toBeFalsy();
  });

  it('does not accept another name, another address or an unknown authority', async () => {
    const { port } = await secureUpstream();
    const known = connect({ resolve, tls: { ca: pem.cert } });
    const altName = { code: 'ERR_TLS_CERT_ALTNAME_INVALID' };
    expect(await failure(known.get(`https://other.example:${port}/`))).toMatchObject(altName);
    expect(await failure(known.get(`https://127.0.0.2:${port}/`))).toMatchObject({ code: 'ECONNREFUSED' });
    const unknown = connect({ resolve });
    expect(await failure(unknown.get(`https://api.example:${port}/`))).toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
  });

  it('hands out a warmed connection after its handshake, and resumes the session for the next', async () => {
    const { port, sockets, seen } = await secureUpstream();
    const { connector, get } = connect({ resolve, tls: { ca: pem.cert } }, { pipelining: 0 });
    await connector.warm(`https://api.example:${port}`);
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    // Session tickets arrive after the handshake and are no word of the server's: the connection stays parked.
    await new Promise((done) => setTimeout(done, 50));
    expect(await get(`https://api.example:${port}/`)).toBe(String(seen[0]?.port));
    expect(sockets).toHaveLength(1);
    await get(`https://api.example:${port}/`);
    expect(seen.map(({ reused }) => reused)).toEqual([false, true]);
  });

  it('fails with the reset when the server closes during the handshake', async () => {
    const { port } = await listen(createTcpServer((socket) => socket.destroy()));
    const { get } = connect({ resolve });
    expect(await failure(get(`https://api.example:${port}/`))).toMatchObject({ code: 'ECONNRESET' });
  });
});
