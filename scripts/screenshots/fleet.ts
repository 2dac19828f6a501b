import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PolicyInput, type Sluice, connect } from '../../packages/producer/src/index.ts';
import { startWorker } from '../../packages/worker/src/index.ts';

/** An upstream of its own for each queue: what it answers is its queue's story. */
async function upstream(status: number, headers: Record<string, string> = {}): Promise<Server> {
  const server = createServer((_request, response) => {
    setTimeout(() => response.writeHead(status, headers).end('{}'), 60);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** `perSecond`: arrivals; `backlog`: jobs that wait from the start. */
type Story = { policy: PolicyInput; server: Server; backlog: number; perSecond: number };

const stories = async (): Promise<Record<string, Story>> => ({
  github: {
    policy: { rate: { limit: 2400, per: 'min', burst: 1 } },
    server: await upstream(200),
    backlog: 5200,
    perSecond: 0,
  },
  payments: { policy: { rate: '20/s' }, server: await upstream(200), backlog: 0, perSecond: 12 },
  geocoding: {
    policy: { rate: '1000/min' },
    server: await upstream(429, { 'retry-after': '180' }),
    backlog: 140,
    perSecond: 0,
  },
  crm: {
    policy: { rate: { limit: 5, per: 's', burst: 1 } },
    server: await upstream(200),
    backlog: 310,
    perSecond: 0,
  },
  'partner-api': {
    policy: { rate: '5000/h', retry: { attempts: 1 } },
    server: await upstream(502),
    backlog: 0,
    perSecond: 0.5,
  },
  'nightly-reports': { policy: { rate: '100/min' }, server: await upstream(200), backlog: 86, perSecond: 0 },
  webhooks: { policy: {}, server: await upstream(200), backlog: 0, perSecond: 25 },
});

/** @returns ends it */
async function load(sluice: Sluice): Promise<() => void> {
  const timers: NodeJS.Timeout[] = [];
  const servers: Server[] = [];
  for (const [queue, { policy, server, backlog, perSecond }] of Object.entries(await stories())) {
    const { port } = server.address() as AddressInfo;
    const origin = `http://127.0.0.1:${port}`;
    const egress = { allow: ['127.0.0.0/8'], ports: [port] };
    await sluice.policies.set(queue, { ...policy, origin, egress });
    if (queue === 'nightly-reports') await sluice.queues.pause(queue);
    const jobs = Array.from({ length: backlog }, (_, n) => `${origin}/${n}`);
    for await (const _handle of sluice.enqueueMany(jobs, { queue, batch: queue }));
    if (perSecond > 0) {
      let n = 0;
      const add = () =>
        void sluice.enqueue(`${origin}/`, { queue, id: `order-${4711 + n++}` }).catch(() => {});
      timers.push(setInterval(add, 1000 / perSecond));
    }
    servers.push(server);
  }
  return () => {
    for (const timer of timers) clearInterval(timer);
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  };
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Queues with all that can happen to them, and two workers. */
export async function openLoadedFleet(redis: string, prefix: string): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const sluice = stack.use(await connect({ redis, prefix }));
  stack.defer(await load(sluice));
  for (let n = 0; n < 2; n++) {
    stack.use(await startWorker({ redis, prefix, concurrency: 60, grace: 0, logger: silent }));
  }
  return stack.move();
}
