import type { Redis } from 'ioredis';

/** With the longest delay between two tries it is under 5 s: within that time we notice that a silence is over. */
const silenceMs = 2500;

/** How often a connection that only listens is asked for a sign of life, ms. */
const heartbeatMs = 5000;

/**
 * Closes a connection that was just accepted but gets no answer (the server is frozen, or the wire behind a proxy is
 * cut): ioredis would wait as long as for a blocking read. A server that loads its data answers.
 */
export function closeIfSilent(stream: Redis['stream']): void {
  // A TLS handshake has already read something.
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
 * Asks for a sign of life now and then on a connection that only listens. No command awaits an answer there, so
 * `socketTimeout` would never notice that the connection died silently, and no message would ever arrive again.
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
