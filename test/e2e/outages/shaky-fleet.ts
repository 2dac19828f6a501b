import { type ConnectOptions, type Sluice, connect } from '../../../packages/producer/src/index.ts';
import { type TcpProxy, startTcpProxy } from '../../lab/faults/tcp-proxy.ts';
import { type OwnRedis, startOwnRedis } from '../../lab/own-redis.ts';
import { type Program, startProgram } from '../../lab/processes.ts';
import type { Upstream } from '../../lab/upstream/server.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';

/** A fleet whose every connection to its own Redis goes through a proxy that can be broken. `await using` ends it all. */
export type ShakyFleet = AsyncDisposable & {
  redis: OwnRedis;
  proxy: TcpProxy;
  upstream: Upstream;
  /** Redis as seen through the proxy. */
  url: string;
  client: Sluice;
  workers: Program[];
  startWorker(env?: Record<string, string>): Promise<Program>;
  /** One more client, through the proxy. */
  connect(options?: ConnectOptions): Promise<Sluice>;
};

/** Keeps its data over a restart. */
export const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** The shortest that is allowed: an outage in a test outlasts it. */
export const lockMs = 5000;

/** @param options `redis`: the server's own arguments */
export async function openShakyFleet({
  redis: args = durable,
  workers = 2,
  client: clientOptions = {},
  env = {},
}: {
  redis?: string[];
  workers?: number;
  client?: ConnectOptions;
  env?: Record<string, string>;
} = {}): Promise<ShakyFleet> {
  const disposables = new AsyncDisposableStack();
  try {
    const redis = disposables.use(await startOwnRedis(args));
    const proxy = disposables.use(await startTcpProxy(redis));
    const upstream = disposables.use(await spawnUpstream({ bodyBytes: 100 }));
    const url = `redis://${proxy.host}:${proxy.port}`;
    const open = async (options: ConnectOptions = {}) =>
      disposables.use(await connect({ redis: url, queue: 'api', ...options }));
    const client = await open({ policy: { egress: { allow: ['127.0.0.0/8'] } }, ...clientOptions });
    const fleet: ShakyFleet = {
      redis,
      proxy,
      upstream,
      url,
      client,
      workers: [],
      connect: open,
      async startWorker(more = {}) {
        const worker = disposables.use(
          startProgram('packages/worker/src/main.ts', [], {
            env: {
              SLUICE_REDIS_URL: url,
              SLUICE_HEALTH_PORT: '0',
              SLUICE_LOCK_DURATION: `${lockMs}ms`,
              ...env,
              ...more,
            },
            ipc: true,
            patience: 30_000,
          }),
        );
        fleet.workers.push(worker);
        await worker.message((message): message is object => typeof message === 'object');
        return worker;
      },
      [Symbol.asyncDispose]: () => disposables.disposeAsync(),
    };
    await Promise.all(Array.from({ length: workers }, () => fleet.startWorker()));
    return fleet;
  } catch (error) {
    await disposables.disposeAsync();
    throw error;
  }
}
