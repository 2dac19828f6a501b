import { type Socket, isIP } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';

/** The TLS options of a connector. Verification cannot be switched off here. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase'>;

/** Performs the TLS handshake over an open connection; rejects with the TLS error or the signal's reason. */
export type Handshake = (
  socket: Socket,
  target: { origin: string; host: string; signal: AbortSignal },
) => Promise<TLSSocket>;

const maxSessions = 100;
const ignore = () => {};

/** Sessions are kept per origin: a resumed one is not checked against a name again, so no other host may get it. */
export function createHandshake(options: TlsOptions = {}): Handshake {
  const sessions = new Map<string, Buffer>();

  function remember(origin: string, session: Buffer): void {
    sessions.delete(origin);
    sessions.set(origin, session);
    const oldest = sessions.keys().next();
    if (sessions.size > maxSessions && oldest.done !== true) sessions.delete(oldest.value);
  }

  return (socket, { origin, host, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    if (signal.aborted) {
      socket.destroy();
      reject(signal.reason);
      return promise;
    }
    const session = sessions.get(origin);
    const secure = connect({
      ...options,
      socket,
      // The certificate is checked against `servername`, or `host` for an address, which SNI cannot carry (RFC 6066).
      host,
      servername: isIP(host) === 0 ? host : '',
      // With h2 the requests of an origin would share one connection, and one stalled connection would hold them all.
      ALPNProtocols: ['http/1.1'],
      ...(session ? { session } : {}),
    });
    const stop = () => {
      signal.removeEventListener('abort', abort);
      secure.off('error', fail);
    };
    const abort = () => {
      stop();
      secure.destroy();
      reject(signal.reason);
    };
    // For the handshake alone: the agent ends its sockets with an error, which does not make their session bad.
    const fail = (error: Error) => {
      stop();
      sessions.delete(origin);
      reject(error);
    };
    signal.addEventListener('abort', abort, { once: true });
    // Never removed, as on the plain socket: an error without a listener would end the process.
    secure.on('error', ignore);
    secure.on('error', fail);
    secure.on('session', (fresh) => remember(origin, fresh));
    secure.once('secureConnect', () => {
      stop();
      resolve(secure);
    });
    return promise;
  };
}
