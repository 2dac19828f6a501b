import type { Redis } from 'ioredis';

/** With the longest delay between two tries it is less than 5 s: so soon after its end a silence is over for us, too. */
const silenceMs = 2500;

/** How often a connection that only listens is asked for a sign of life, ms. */
const heartbeatMs = 5000;

/**
 * Gives up a connection that was accepted just now and is never answered (the server is frozen, or the wire behind a
 * proxy is cut): ioredis would wait for as long as for a blocking read. A server that loads its data answers.
 */
export function closeIfSilent(stream: Redis['stream']): void {
  // A TLS handshake has read something already.
  const before = stream.bytesRead;
  const close = () => {
    if (stream.bytesRead > before) return;
    const error = new Error(`no answer within ${silenceMs} ms of connecting`);
    stream.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  };
  const timer = setTimeout(close, silenceMs);
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
}

/**
 * Asks a connection that only listens for a sign of life now and then. It has no command whose answer could fail to
 * come, so `socketTimeout` would never notice that the connection died silently, and no message would ever arrive again.
 */
export function heartbeat(client: Redis): Redis {
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking || client.status !== 'ready') return;
    isAsking = true;
    const answered = () => {
      isAsking = false;
    };
    client.ping().then(answered, answered);
  }, heartbeatMs);
  timer.unref();
  client.once('end', () => clearInterval(timer));
  return client;
}
