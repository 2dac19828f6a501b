import { Resolver, lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The addresses of a host name, in the order to try them. Rejects with an `ENOTFOUND`-like code. */
export type Resolve = (host: string) => Promise<readonly string[]>;

type Answer = { addresses: readonly string[]; error: NodeJS.ErrnoException | null };

const nothing: Answer = { addresses: [], error: null };

/** RFC 8305, 3: once there is an IPv4 address, how long to wait for a slow AAAA answer, ms. */
const resolutionDelayMs = 50;

const settle = (query: Promise<string[]>): Promise<Answer> =>
  query.then(
    (addresses) => ({ addresses, error: null }),
    (error: NodeJS.ErrnoException) => ({ addresses: [], error }),
  );

/** RFC 8305, 4: the families alternate, so that one that leads nowhere costs one attempt and not all of them. */
function interleave(first: readonly string[], second: readonly string[]): string[] {
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, index) => [first[index], second[index]])
    .flat()
    .filter((address) => address !== undefined);
}

/**
 * IPv4 goes first: c-ares does not sort by what this machine can reach (RFC 6724), and a container without an IPv6
 * route is more common than one without an IPv4 route.
 */
async function query(resolver: Resolver, host: string): Promise<Answer> {
  const ipv6 = settle(resolver.resolve6(host));
  const a = await settle(resolver.resolve4(host));
  const late = delay(resolutionDelayMs, nothing, { ref: false });
  const aaaa = await (a.addresses.length === 0 ? ipv6 : Promise.race([ipv6, late]));
  const error = [a.error, aaaa.error].find((fault) => fault?.code === 'ETIMEOUT') ?? a.error;
  return { addresses: interleave(a.addresses, aaaa.addresses), error };
}

/** `getaddrinfo`: the only way to /etc/hosts and to the search domains of resolv.conf. */
async function systemLookup(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}

/**
 * Resolves names with c-ares, each query on a socket of its own: `getaddrinfo` runs two at a time in the thread pool,
 * so a few dead names would hold up every healthy one. It is the fallback for names that DNS does not know, and the
 * first choice for names without a dot. Simultaneous look-ups of one name share a query; no answer is kept.
 *
 * A name that DNS knows is not looked up in /etc/hosts.
 */
export function createResolver(
  options: {
    /** How long one query may take, ms; it is sent at most twice. Default 2000. */
    timeoutMs?: number;
    /** DNS servers (`host:port`) instead of those of resolv.conf. */
    servers?: readonly string[];
  } = {},
): { resolve: Resolve; close(): void } {
  const resolver = new Resolver({ timeout: options.timeoutMs ?? 2000, tries: 2 });
  if (options.servers) resolver.setServers(options.servers);
  const asking = new Map<string, Promise<readonly string[]>>();

  async function ask(host: string): Promise<readonly string[]> {
    // RFC 6761, 6.3: loopback by definition, so no DNS server is asked.
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
    if (!host.includes('.')) return systemLookup(host);
    const { addresses, error } = await query(resolver, host);
    if (addresses.length > 0) return addresses;
    // Servers that do not answer would not answer getaddrinfo either, and would block one of its two threads meanwhile.
    if (error?.code === 'ETIMEOUT' || error?.code === 'ECANCELLED') throw error;
    return systemLookup(host);
  }

  return {
    resolve(host) {
      const pending = asking.get(host);
      if (pending) return pending;
      const answer = ask(host).finally(() => asking.delete(host));
      asking.set(host, answer);
      return answer;
    },
    close() {
      resolver.cancel();
    },
  };
}
