import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../free-port.ts';
import { type OwnRedis, installedServer, startOwnRedis } from '../own-redis.ts';
import { type Program, startCommand } from '../processes.ts';
import { temporaryFolder } from '../test-run.ts';

/** One primary, one replica and three Sentinels, all of the test's own. */
export interface SentinelSet extends AsyncDisposable {
  /** `redis+sentinel://…` of all three. */
  url: string;
  /** The name that the Sentinels know the primary by. */
  name: string;
  /** The server that the Sentinels call the primary now. */
  primary(): Promise<OwnRedis>;
  replica(): Promise<OwnRedis>;
  /** Resolves when the Sentinels call another server the primary and that one takes writes. */
  elected(before: OwnRedis): Promise<OwnRedis>;
  /** Resolves when the replica follows the primary, up to the last write. */
  replicated(): Promise<void>;
  /** Orders a failover: both servers go on, with their roles swapped. Resolves when it has been ordered. */
  order(): Promise<void>;
}

const name = 'sluice-test';
const patienceMs = 30_000;

/**
 * @param options.downAfterMs a server that does not answer for this long is down
 * @param options.args for both servers, such as ['--appendonly', 'yes']
 */
export async function startSentinelSet({
  downAfterMs = 1000,
  args = [] as string[],
} = {}): Promise<SentinelSet> {
  await using started = new AsyncDisposableStack();
  const first = started.use(await startOwnRedis(args));
  const follow = ['--replicaof', first.host, String(first.port), '--repl-diskless-sync-delay', '0'];
  const second = started.use(await startOwnRedis([...args, ...follow]));
  const servers = [first, second];
  const sentinels: Redis[] = [];
  for (const port of await Promise.all([freePort(), freePort(), freePort()])) {
    const { sentinel, client } = startSentinel(port, first, downAfterMs);
    started.use(sentinel);
    started.defer(() => client.disconnect());
    sentinels.push(client);
  }

  const addressOf = async (sentinel: Redis) => {
    const answer = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as [string, string];
    return Number(answer[1]);
  };
  const primary = async () => {
    const port = await addressOf(sentinels[0]!);
    return servers.find((server) => server.port === port)!;
  };
  const other = (server: OwnRedis) => servers.find((one) => one !== server)!;
  const set: SentinelSet = {
    url: `redis+sentinel://${sentinels.map(({ options }) => `127.0.0.1:${options.port}`).join(',')}/${name}`,
    name,
    primary,
    replica: async () => other(await primary()),
    elected: async (before) => {
      await until('another server is the primary', async () => {
        const ports = await Promise.all(sentinels.map(addressOf));
        return ports.every((port) => port !== before.port) && (await role(other(before))) === 'master';
      });
      return other(before);
    },
    replicated: async () => {
      const source = await primary();
      await until('the replica follows', async () => {
        const [ours, theirs] = await Promise.all([replication(source), replication(other(source))]);
        return (
          theirs.master_link_status === 'up' &&
          theirs.master_port === String(source.port) &&
          theirs.slave_repl_offset === ours.master_repl_offset
        );
      });
    },
    order: () =>
      // The Sentinel rejects this until it has seen that the replica is fit.
      until('a failover can be ordered', async () => {
        try {
          await sentinels[0]!.call('SENTINEL', 'FAILOVER', name);
          return true;
        } catch (error) {
          if (/^(NOGOODSLAVE|INPROG)/.test((error as Error).message)) return false;
          throw error;
        }
      }),
    [Symbol.asyncDispose]: async () => {},
  };
  await set.replicated();
  await until('the Sentinels know one another and the replica', async () => {
    const states = await Promise.all(
      sentinels.map(async (sentinel) => {
        const fields = flat(await sentinel.call('SENTINEL', 'MASTER', name));
        return fields['num-other-sentinels'] === '2' && fields['num-slaves'] === '1';
      }),
    );
    return states.every(Boolean);
  });
  const stack = started.move();
  set[Symbol.asyncDispose] = () => stack.disposeAsync();
  return set;
}

function startSentinel(port: number, primary: OwnRedis, downAfterMs: number) {
  const dir = temporaryFolder('sentinel');
  const file = join(dir, 'sentinel.conf');
  // The Sentinel writes what it learns into this file.
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
dir ${dir}
sentinel monitor ${name} ${primary.host} ${primary.port} 2
sentinel down-after-milliseconds ${name} ${downAfterMs}
sentinel failover-timeout ${name} 3000
`,
  );
  const sentinel: Program = startCommand(installedServer()!.program, [file, '--sentinel']);
  const client = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  // Connections fail until it listens.
  client.on('error', () => {});
  return { sentinel, client };
}

async function replication(server: OwnRedis): Promise<Record<string, string>> {
  const client = new Redis({ ...address(server), retryStrategy: null, lazyConnect: true });
  client.on('error', () => {});
  try {
    const info = await client.info('replication');
    return Object.fromEntries(
      [...info.matchAll(/^([a-z_0-9]+):(.*?)\r?$/gm)].map(([, key, value]) => [key!, value!]),
    );
  } catch {
    return {};
  } finally {
    client.disconnect();
  }
}

const address = ({ host, port }: OwnRedis) => ({ host, port });
const role = async (server: OwnRedis) => (await replication(server))['role'];

/** [key, value, key, value, …] as an object. */
function flat(answer: unknown): Record<string, string> {
  const list = answer as string[];
  return Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, index) => [list[2 * index]!, list[2 * index + 1]!]),
  );
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
