import type { Redis } from 'ioredis';
import type { CreateClient } from '../create-client.ts';
import type { ClusterAddress } from '../url/cluster-url.ts';
import { type HostAndPort, formatHost } from '../url/hosts.ts';

/** A connection to a node, to ask it who owns the slot. */
export type Asker = {
  owner(): Promise<HostAndPort>;
  close(): void;
};

/** A node that does not answer must not keep the others from being asked. */
const patienceMs = 2000;

/** [host, port, id, …] in the answer of CLUSTER SLOTS. */
type Node = [host: string | null, port: number, ...rest: unknown[]];

/** An empty host is the node that was asked; `?` is a host that it does not know. */
function addressOf([host, port]: Node, asked: HostAndPort): HostAndPort | null {
  if (host === '?') return null;
  return { host: host === null || host === '' ? asked.host : host, port };
}

/**
 * Finds who owns the slot of a key. All keys of a prefix lie in one slot, so one node has everything that Sluice needs
 * of a Cluster, and the connection to it can be a plain one: it may block, listen, and have transactions.
 */
export class SlotOwner {
  readonly #address: ClusterAddress;
  readonly #key: string;
  readonly #create: CreateClient;
  /** The slot's owner and its replicas, as last reported: the nodes of the URL may have changed since. */
  #shard: HostAndPort[] = [];
  #turn = 0;

  /** @param create makes the client of a node */
  constructor(address: ClusterAddress, key: string, create: CreateClient) {
    this.#address = address;
    this.#key = key;
    this.#create = create;
  }

  /** Asks all known nodes, and believes the first that knows. @param signal stops asking */
  async find(signal: AbortSignal): Promise<HostAndPort> {
    const askers: Asker[] = [];
    const end = () => {
      for (const asker of askers) asker.close();
    };
    signal.addEventListener('abort', end);
    try {
      return await Promise.any(
        this.#nodes().map(async (node) => {
          const { asker, opened } = this.#open(node);
          askers.push(asker);
          await opened;
          return await asker.owner();
        }),
      );
    } catch (error) {
      const { errors } = error as AggregateError;
      // What a node said is worth more than that others did not answer.
      throw errors.find(({ name }: Error) => name === 'ReplyError') ?? errors[0];
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  /** Connects to one of the nodes, another each time; never to the owner, which may be the one that fails. */
  async open(): Promise<Asker> {
    const [owner, ...others] = this.#nodes();
    const nodes = others.length > 0 ? others : [owner!];
    const { asker, opened } = this.#open(nodes[this.#turn++ % nodes.length]!);
    await opened;
    return asker;
  }

  /** The owner comes first, as last reported. */
  #nodes(): HostAndPort[] {
    const all = [...this.#shard, ...this.#address.nodes];
    return [...new Map(all.map((node) => [formatHost(node), node])).values()];
  }

  #open(node: HostAndPort): { asker: Asker; opened: Promise<void> } {
    const { tls, username, password } = this.#address;
    let failure: unknown;
    const client = this.#create(`redis://${formatHost(node)}`, {
      ...(username !== '' && { username }),
      ...(password !== '' && { password }),
      ...(tls && { tls: {} }),
      lazyConnect: true,
      enableReadyCheck: false,
      retryStrategy: null,
      connectTimeout: patienceMs,
      commandTimeout: patienceMs,
    });
    client.on('error', (error) => (failure ??= error));
    const opened = client.connect().catch((error: unknown) => {
      throw failure ?? error;
    });
    return {
      opened,
      asker: { owner: () => this.#owner(client, node), close: () => client.disconnect() },
    };
  }

  async #owner(client: Redis, asked: HostAndPort): Promise<HostAndPort> {
    const [slot, slots] = (await Promise.all([
      client.call('CLUSTER', 'KEYSLOT', this.#key),
      client.call('CLUSTER', 'SLOTS'),
    ])) as [number, [first: number, last: number, ...nodes: Node[]][]];
    const range = slots.find(([first, last]) => first <= slot && slot <= last);
    const [, , ...nodes] = range ?? [0, 0];
    const owner = nodes[0] === undefined ? null : addressOf(nodes[0], asked);
    if (owner === null) throw new Error(`CLUSTERDOWN no node serves slot ${slot}, where ${this.#key} lies`);
    this.#shard = nodes.flatMap((node) => addressOf(node, asked) ?? []);
    return owner;
  }
}
