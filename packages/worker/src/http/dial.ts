import { type Socket, connect } from 'node:net';

/** RFC 8305, 5: an address gets this long before the next one is tried beside it. */
const attemptDelayMs = 250;

/** A name with a hundred addresses is no reason for a hundred connections. */
const maxAddresses = 8;

const ignore = () => {};

/**
 * A TCP connection to the first of the addresses that answers. An attempt that is slow goes on while the next one
 * starts, so that one dead address does not cost the request and a long round trip is not taken for a dead address.
 * Rejects with the first address's error when all fail, or with the signal's reason.
 */
export function dial(
  addresses: readonly string[],
  options: { port: number; localAddress?: string | null | undefined; signal: AbortSignal },
): Promise<Socket> {
  const { port, localAddress, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const waiting = addresses.slice(0, maxAddresses);
  const trying = new Set<Socket>();
  let firstError: Error | undefined;
  let timer: NodeJS.Timeout | undefined;

  const stop = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    waiting.length = 0;
    for (const socket of trying) socket.destroy();
    trying.clear();
  };
  const abort = () => {
    stop();
    reject(signal.reason);
  };
  const attempt = () => {
    clearTimeout(timer);
    const host = waiting.shift();
    if (host === undefined) return;
    const socket = connect({
      host,
      port,
      // As undici's own connector does.
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      ...(localAddress ? { localAddress } : {}),
    });
    trying.add(socket);
    // Never removed: an error while the socket passes from one owner to the next must not end the process.
    socket.on('error', ignore);
    socket.once('connect', () => {
      trying.delete(socket);
      stop();
      resolve(socket);
    });
    socket.once('error', (error) => {
      if (!trying.delete(socket)) return;
      firstError ??= error;
      if (waiting.length > 0) attempt();
      else if (trying.size === 0) {
        stop();
        reject(firstError);
      }
    });
    if (waiting.length > 0) timer = setTimeout(attempt, attemptDelayMs);
  };

  if (signal.aborted) abort();
  else {
    signal.addEventListener('abort', abort, { once: true });
    attempt();
  }
  return promise;
}
