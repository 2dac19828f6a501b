import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import { type GuardedAgent, createAgent } from '../src/http/agent.ts';
import { IdleConnections } from '../src/http/idle-connections.ts';
import { loopback, until } from './rig.ts';

async function get(agent: GuardedAgent, origin: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  agent.dispatch(
    { origin, path: '/', method: 'GET', onHead: () => {} },
    { onResponseEnd: () => resolve(), onResponseError: (_, error) => reject(error) },
  );
  await promise;
}

test('a connection that is not used is closed after its time, however long the server would keep it', async () => {
  const server = createServer((_, response) => response.end('x'));
  // Said in each response: `Keep-Alive: timeout=600`.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connections = () =>
    new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));

  const policy = policySchema.parse({ rate: '1000/1s', egress: loopback });
  const agent = createAgent({ policy }, 5, new IdleConnections(100), 300);
  using claim = await agent.prepare(origin);
  await Promise.all([get(agent, origin), get(agent, origin)]);
  claim[Symbol.dispose]();
  expect(await connections()).toBeGreaterThan(0);
  await until(async () => (await connections()) === 0);
  await agent.close();
  server.close();
});

test('connections to origins without a request are bounded over all agents; the least recently used close first', async () => {
  const policy = policySchema.parse({ egress: loopback });
  const idle = new IdleConnections(3);
  const agents = [1, 2].map(() => createAgent({ policy }, 5, idle, 60_000));
  await using upstreams = new AsyncDisposableStack();
  const hosts: { open: Set<unknown>; origin: string }[] = [];
  for (let n = 0; n < 6; n++) {
    const open = new Set<unknown>();
    const server = createServer((request, response) => {
      if (request.url === '/slow') response.write('x');
      else response.end('x');
    });
    server.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    upstreams.defer(() => void server.close());
    hosts.push({ open, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  }
  // The first one is in use all the time, and stays.
  const aborts: (() => void)[] = [];
  const slow = { origin: hosts[0]!.origin, path: '/slow', method: 'GET', onHead: () => {} } as const;
  agents[0]!.dispatch(slow, {
    onResponseData: (controller) => aborts.push(() => controller.abort(new Error('enough'))),
    onResponseError: () => {},
  });
  await until(() => aborts.length === 1);
  for (const [n, { origin }] of hosts.slice(1).entries()) await get(agents[n % 2]!, origin);
  const open = () => hosts.map(({ open }) => open.size);
  await until(() => open().join() === '1,0,0,0,1,1');
  for (const agent of agents) await agent.close();
});

test('a request is told of once it has been written, on a new connection and on an open one', async () => {
  const server = createServer((request, response) => request.resume().on('end', () => response.end('x')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = createAgent(
    { policy: policySchema.parse({ egress: loopback }) },
    1,
    new IdleConnections(100),
  );
  for (const body of [null, null, Buffer.from('a body')]) {
    const events: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    agent.dispatch(
      {
        origin,
        path: '/',
        method: body === null ? 'GET' : 'POST',
        body,
        onSent: () => events.push('sent'),
        onHead: () => events.push('head'),
      },
      {
        onRequestStart: () => events.push('start'),
        onResponseEnd: () => resolve(),
        onResponseError: (_, error) => reject(error),
      },
    );
    await promise;
    expect(events).toEqual(['start', 'sent', 'head']);
  }
  await agent.close();
  server.close();
});
