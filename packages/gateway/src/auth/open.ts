import { BlockList, isIPv6 } from 'node:net';
import { SluiceError } from '@sluice/shared';
import type { Authenticate, Caller } from './caller.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || loopback.check(name, isIPv6(name) ? 'ipv6' : 'ipv4');
}

const anyone: Caller = { id: 'open', actor: 'gateway:open', may: () => true };

/**
 * Lets everybody do everything: only for a gateway that listens on the loopback, where its callers could use Redis
 * themselves. A page in a browser on this machine could not, so a request for another host is refused: its name was
 * made to resolve to the loopback.
 */
export const open: Authenticate = ({ headers }) => {
  // Not Fastify's: that believes a trusted proxy, and a page could say it came through one.
  const hostname = (headers.host ?? '').replace(/:\d+$/, '');
  if (isLoopback(hostname)) return anyone;
  const message = `this gateway asks for no keys, so it answers for localhost only, not for "${hostname}"`;
  throw new SluiceError('SLUICE_UNAUTHENTICATED', message);
};

/** The same from everywhere: only where whoever starts the gateway says so. */
export const openToAll: Authenticate = () => anyone;
