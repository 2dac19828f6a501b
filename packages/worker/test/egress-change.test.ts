import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { PolicyInput } from '@sluice/shared';
import { Rig, loopback, until } from './rig.ts';

type Answer = (response: ServerResponse) => void;

const both: PolicyInput['egress'] = { allow: ['127.0.0.0/8', '::1/128'] };

/** A server that ends its answer to `/held` (and `/held?begun`, whose head goes out at once) when it is told to. */
class Server implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly sockets = new Set<Socket>();
  url = '';
  readonly #server = createServer((request, response) => this.#receive(request, response));
  readonly #held: ServerResponse[] = [];

  static async open(host = '127.0.0.1'): Promise<Server> {
    const opened = new Server();
    opened.#server.on('connection', (socket) => {
      opened.sockets.add(socket);
      socket.once('close', () => opened.sockets.delete(socket));
    });
    opened.#server.listen(0, host);
    await once(opened.#server, 'listening');
    const { port } = opened.#server.address() as AddressInfo;
    opened.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    return opened;
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    this.seen.push(`${request.method} ${request.url}`);
    if (request.url === '/held?begun') response.writeHead(200).write('begun');
    if (request.url!.startsWith('/held')) this.#held.push(response);
    else response.end('x');
  }

  /** Resolves when so many requests are held. */
  holds(count: number): Promise<void> {
    return until(() => this.#held.length >= count);
  }

  release(answer: Answer = (response) => response.end('held')): void {
    for (const response of this.#held.splice(0)) answer(response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** Changes the queue's egress; resolves when the worker obeys it. */
async function change(rig: Rig, egress: PolicyInput['egress'], probe: string, isAllowed: boolean) {
  await rig.sluice.policies.update(rig.queue, (before) => ({ ...before!, egress }));
  await until(async () => ((await rig.end(probe)).outcome.kind === 'response') === isAllowed);
}

const begin = (rig: Rig, url: string, methods: readonly ('GET' | 'POST')[]) =>
  Promise.all(methods.map((method) => rig.sluice.enqueue({ url, method })));

const outcomes = (handles: Awaited<ReturnType<typeof begin>>) =>
  Promise.all(handles.map(async (handle) => (await handle.outcome()).outcome));

const mixed = ['POST', 'GET', 'POST', 'GET', 'POST', 'GET'] as const;

describe('a change of egress', () => {
  test.each([{}, { rate: '1000/1s' }])(
    'leaves requests alone if the new rules, wider or narrower, allow their peers: %o',
    async (policy) => {
      await using there = await Server.open();
      await using other = await Server.open('::1');
      await using rig = await Rig.open({ policy });
      const handles = await begin(rig, `${there.url}/held`, mixed);
      await there.holds(mixed.length);
      await change(rig, both, `${other.url}/`, true);
      await change(rig, loopback, `${other.url}/`, false);
      there.release();
      for (const outcome of await outcomes(handles))
        expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
      expect(there.seen.sort()).toEqual([...mixed].sort().map((method) => `${method} /held`));
    },
  );

  test.each(['/held', '/held?begun'])(
    'cuts %s if the new rules block the peer: it ends blocked, and is not made again',
    async (path) => {
      await using there = await Server.open();
      await using refused = await Server.open('::1');
      await using rig = await Rig.open({ policy: { egress: both } });
      const kept = await begin(rig, `${there.url}/held`, mixed);
      const cut = await begin(rig, `${refused.url}${path}`, mixed);
      await there.holds(mixed.length);
      await refused.holds(mixed.length);
      await change(rig, loopback, `${refused.url}/`, false);
      for (const outcome of await outcomes(cut)) {
        expect(outcome).toMatchObject({ kind: 'blocked', attempts: 1, error: { code: 'SLUICE_BLOCKED' } });
        expect(outcome.error?.message).toMatch(/policy changed.*::1 is a loopback address/);
      }
      await until(() => refused.sockets.size === 0);
      expect(refused.seen.filter((line) => line.endsWith(path))).toHaveLength(mixed.length);
      there.release();
      for (const outcome of await outcomes(kept)) expect(outcome.kind).toBe('response');
    },
  );

  test.each([
    ['its port', (url: string) => ({ ...loopback, ports: [Number(new URL(url).port)] })],
    ['its name', () => ({ allow: ['10.0.0.0/8'] })],
  ])('closes a connection that is not used when the new rules refuse %s', async (_, narrower) => {
    await using there = await Server.open();
    await using other = await Server.open();
    const port = new URL(there.url).port;
    await using rig = await Rig.open({ policy: { egress: loopback } });
    await rig.end(`http://localhost:${port}/`);
    expect(there.sockets.size).toBe(1);
    await change(rig, narrower(other.url), `http://localhost:${port}/`, false);
    await until(() => there.sockets.size === 0);
  });

  test('applies to the redirects of requests under way: one hop more or fewer is allowed at once', async () => {
    await using there = await Server.open();
    await using other = await Server.open('::1');
    await using rig = await Rig.open({ policy: { retry: { attempts: 1 } } });
    const redirect: Answer = (response) => response.writeHead(302, { location: `${other.url}/hop` }).end();
    const wider = await begin(rig, `${there.url}/held`, ['GET']);
    await there.holds(1);
    await change(rig, both, `${other.url}/`, true);
    there.release(redirect);
    expect(await outcomes(wider)).toMatchObject([{ kind: 'response' }]);
    const narrower = await begin(rig, `${there.url}/held`, ['GET']);
    await there.holds(1);
    await change(rig, loopback, `${other.url}/`, false);
    there.release(redirect);
    expect(await outcomes(narrower)).toMatchObject([{ kind: 'blocked', attempts: 1 }]);
    expect(other.seen.filter((line) => line === 'GET /hop')).toHaveLength(1);
  });

  test('may happen any number of times: no connection is left behind', async () => {
    await using there = await Server.open();
    await using other = await Server.open('::1');
    await using rig = await Rig.open({ policy: { rate: '1000/1s' } });
    for (let times = 0; times < 5; times++) {
      await change(rig, both, `${other.url}/`, true);
      await rig.end(`${there.url}/`);
      await change(rig, loopback, `${other.url}/`, false);
      await rig.end(`${there.url}/`);
    }
    await until(() => other.sockets.size === 0);
    expect(there.sockets.size).toBe(1);
  });
});

test('a worker contacts nothing beyond its own bounds, whatever the policy says', async () => {
  await using server = await Server.open();
  await using rig = await Rig.open({
    policy: { egress: both },
    env: { SLUICE_EGRESS_MAX: '{"allow": ["10.0.0.0/8"]}' },
  });
  expect((await rig.end(server.url)).outcome.kind).toBe('blocked');
  // Nor when the policy changes.
  await rig.sluice.policies.update(rig.queue, (before) => ({
    ...before!,
    egress: { allow: ['127.0.0.0/8'], ports: [Number(new URL(server.url).port)] },
  }));
  await rig.sluice.policies.update('second', () => ({ egress: both }));
  const other = await rig.sluice.enqueue(
    { url: server.url.replace('127.0.0.1', 'localhost') },
    { queue: 'second' },
  );
  expect((await other.outcome()).outcome.kind).toBe('blocked');
  expect(server.seen).toEqual([]);
});
