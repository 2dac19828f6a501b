import { Redis } from 'ioredis';
import { freePort } from '../free-port.ts';
import { type OwnRedis, startOwnRedis } from '../own-redis.ts';

/** Three primaries with a replica each, all of the test's own. */
export interface ClusterSet extends AsyncDisposable {
  /** `redis+cluster://…` of all six. */
  url: string;
  nodes: OwnRedis[];
  slotOf(key: string): Promise<number>;
  /** The primary that owns a slot. Waits until all nodes that answer agree. */
  owner(slot: number): Promise<OwnRedis>;
  /** Resolves when all nodes that answer name a new owner, and it serves the slot. */
  elected(slot: number, before: OwnRedis): Promise<OwnRedis>;
  /** Resolves when a replica of a node follows it, up to the last write. */
  replicated(primary: OwnRedis): Promise<void>;
  /** Orders the replica of a primary to take over: both go on, with their roles swapped. */
  order(primary: OwnRedis): Promise<void>;
  /**
   * Moves a slot with its keys, as `redis-cli --cluster reshard` does. `between` is called before the first keys move,
   * and after each hundred.
   */
  move(slot: number, from: OwnRedis, to: OwnRedis, between?: (moved: number) => Promise<void>): Promise<void>;
  /** A primary that does not own the slot. */
  otherPrimary(slot: number): Promise<OwnRedis>;
}

const patienceMs = 30_000;
const slots = 16_384;
const batch = 100;

type Entry = [first: number, last: number, ...nodes: [host: string, port: number, id: string][]];

/**
 * @param options.nodeTimeoutMs a node that does not answer for this long is down, if most primaries say so
 * @param options.args for all nodes, such as ['--appendonly', 'yes']
 */
export async function startCluster({
  nodeTimeoutMs = 1000,
  args = [] as string[],
} = {}): Promise<ClusterSet> {
  await using started = new AsyncDisposableStack();
  const timing = ['--cluster-node-timeout', String(nodeTimeoutMs), '--repl-diskless-sync-delay', '0'];
  const buses = await Promise.all(Array.from({ length: 6 }, async () => String(await freePort())));
  const nodes = await Promise.all(
    buses.map(async (bus) =>
      started.use(
        await startOwnRedis(['--cluster-enabled', 'yes', '--cluster-port', bus, ...timing, ...args]),
      ),
    ),
  );
  const clients = new Map(
    nodes.map((node) => {
      const { host, port } = node;
      const client = new Redis({ host, port, commandTimeout: 1000, retryStrategy: () => 50 });
      // Tests kill the server.
      client.on('error', () => {});
      started.defer(() => client.disconnect());
      return [node, client];
    }),
  );
  const say = async (node: OwnRedis, ...command: string[]) =>
    await clients.get(node)!.call(command[0]!, ...command.slice(1));
  const primaries = nodes.slice(0, 3);
  await Promise.all(
    primaries.map((node, n) => {
      const [first, last] = [Math.ceil((n * slots) / 3), Math.ceil(((n + 1) * slots) / 3) - 1];
      return say(node, 'CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
    }),
  );
  // Their epochs must differ.
  await Promise.all(nodes.map((node, n) => say(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))));
  for (const [n, { host, port }] of nodes.entries()) {
    if (n > 0) await say(nodes[0]!, 'CLUSTER', 'MEET', host, String(port), buses[n]!);
  }
  const ids = new Map(
    await Promise.all(nodes.map(async (node) => [node, String(await say(node, 'CLUSTER', 'MYID'))] as const)),
  );
  await until('all nodes have met', async () => {
    const lists = await Promise.all(nodes.map(async (node) => String(await say(node, 'CLUSTER', 'NODES'))));
    return lists.every(
      (list) => [...ids.values()].every((id) => list.includes(id)) && !/handshake/.test(list),
    );
  });
  await Promise.all(
    primaries.map((primary, n) => say(nodes[n + 3]!, 'CLUSTER', 'REPLICATE', ids.get(primary)!)),
  );

  const entry = async (node: OwnRedis, slot: number) => {
    const entries = (await say(node, 'CLUSTER', 'SLOTS')) as Entry[];
    return entries.find(([first, last]) => first <= slot && slot <= last)?.slice(2) as
      | [string, number, string][]
      | undefined;
  };
  const ports = async (slot: number) => {
    const answers = await Promise.allSettled(nodes.map((node) => entry(node, slot)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value?.[0]?.[1]] : []));
  };
  const nodeAt = (port: number | undefined) => nodes.find((node) => node.port === port)!;
  const replicaOf = async (primary: OwnRedis) => {
    const all = (await say(primary, 'CLUSTER', 'SLOTS')) as Entry[];
    const shard = all.map(([, , ...list]) => list).find(([first]) => first![1] === primary.port);
    return nodeAt(shard?.[1]?.[1]);
  };
  const cluster: ClusterSet = {
    url: `redis+cluster://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`,
    nodes,
    slotOf: async (key) => Number(await say(nodes[0]!, 'CLUSTER', 'KEYSLOT', key)),
    owner: async (slot) => {
      let port: number | undefined;
      await until(`all nodes agree on the owner of slot ${slot}`, async () => {
        const all = await ports(slot);
        port = all[0];
        return port !== undefined && all.every((one) => one === port);
      });
      return nodeAt(port);
    },
    elected: async (slot, before) => {
      let now = before;
      await until('another node owns the slot', async () => {
        const others = nodes.filter((node) => node !== before);
        const answers = await Promise.allSettled(others.map((node) => entry(node, slot)));
        const all = answers.flatMap((answer) =>
          answer.status === 'fulfilled' ? [answer.value?.[0]?.[1]] : [],
        );
        if (all.some((port) => port === undefined || port === before.port || port !== all[0])) return false;
        now = nodeAt(all[0]);
        const info = String(await say(now, 'CLUSTER', 'INFO'));
        return /cluster_state:ok/.test(info);
      });
      return now;
    },
    replicated: async (primary) => {
      await until('a replica follows', async () => {
        const replica = await replicaOf(primary);
        if (replica === undefined) return false;
        const [ours, theirs] = await Promise.all(
          [primary, replica].map(async (node) => String(await say(node, 'INFO', 'replication'))),
        );
        const offset = /^master_repl_offset:(\d+)/m.exec(ours!)![1]!;
        return /^master_link_status:up/m.test(theirs!) && theirs!.includes(`slave_repl_offset:${offset}\r`);
      });
    },
    order: async (primary) => {
      await say(await replicaOf(primary), 'CLUSTER', 'FAILOVER');
    },
    move: async (slot, from, to, between = async () => {}) => {
      await say(to, 'CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ids.get(from)!);
      await say(from, 'CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', ids.get(to)!);
      await between(0);
      for (let moved = 0; ;) {
        const keys = (await say(from, 'CLUSTER', 'GETKEYSINSLOT', String(slot), String(batch))) as string[];
        if (keys.length === 0) break;
        await say(from, 'MIGRATE', to.host, String(to.port), '', '0', '5000', 'KEYS', ...keys);
        moved += keys.length;
        await between(moved);
      }
      // The new owner first, so that no node ever believes that nobody owns the slot.
      const id = ids.get(to)!;
      await say(to, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', id);
      await say(from, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', id);
      for (const node of nodes) {
        if (/role:master/.test(String(await say(node, 'INFO', 'replication')))) {
          await say(node, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', id);
        }
      }
    },
    otherPrimary: async (slot) => {
      const owner = await cluster.owner(slot);
      return primaries.find((node) => node !== owner)!;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  await until('the Cluster is whole', async () => {
    const infos = await Promise.all(nodes.map(async (node) => String(await say(node, 'CLUSTER', 'INFO'))));
    return infos.every((info) => /cluster_state:ok/.test(info));
  });
  await Promise.all(primaries.map((node) => cluster.replicated(node)));
  const stack = started.move();
  cluster[Symbol.asyncDispose] = () => stack.disposeAsync();
  return cluster;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
