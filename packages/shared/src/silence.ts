import type { Duplex } from 'node:stream';

/** What is needed of a Redis client (ioredis). */
type Client = {
  status: string;
  stream?: (Duplex & { bytesRead?: number }) | null;
  duplicate(...args: never[]): unknown;
  on(event: 'connect', listener: () => void): unknown;
};

type Listener = {
  status: string;
  ping(): Promise<unknown>;
  once(event: 'end', listener: () => void): unknown;
};

/** With the longest delay between two tries it is less than 5 s: so soon after its end a silence is over for us, too. */
const silenceMs = 2500;

/** How often a connection that only listens is asked for a sign of life, ms. */
const heartbeatMs = 5000;

/**
 * Gives up a connection that was accepted and then never answered (the server is frozen, or the wire behind a proxy is
 * cut): ioredis would wait for as long as for a blocking read. Duplicates of the client do the same.
 */
export function giveUpSilence<T extends Client>(client: T): T {
  client.on('connect', () => {
    const { stream } = client;
    const giveUp = () => {
      if (client.stream !== stream || stream?.bytesRead !== 0) return;
      stream.destroy(new Error(`no answer within ${silenceMs} ms of connecting`));
    };
    setTimeout(giveUp, silenceMs).unref();
  });
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => Client;
  return Object.assign(client, { duplicate: (...args: unknown[]) => giveUpSilence(duplicate(...args)) });
}

/**
 * Asks a connection that only listens for a sign of life now and then. It has no command whose answer could fail to
 * come, so `socketTimeout` would never notice that it died without a word, and it would be deaf for good.
 */
export function keepAwake<T extends Listener>(client: T): T {
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
