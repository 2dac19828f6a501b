import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import { type GuardedAgent, createAgent } from '../src/http/agent.ts';
import { loopback, until } from './rig.ts';

async function get(agent: GuardedAgent, origin: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  agent.dispatch(
    { origin, path: '/', method: 'GET' },
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
  const agent = createAgent({ name: 'q', version: 1, policy }, 5, 300);
  using claim = await agent.prepare(origin);
  await Promise.all([get(agent, origin), get(agent, origin)]);
  claim[Symbol.dispose]();
  expect(await connections()).toBeGreaterThan(0);
  await until(async () => (await connections()) === 0);
  await agent.close();
  server.close();
});
