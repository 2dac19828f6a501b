import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { type Sluice, SluiceError, connect } from '@sluice/producer';
import { redactRedisUrl } from '@sluice/redis';
import type { App } from './app.ts';
import { ByKey } from './auth/by-key.ts';
import { isLoopback, open, openToAll } from './auth/open.ts';
import type { GatewayConfig } from './config.ts';
import { openGatewayRedis } from './gateway-redis.ts';
import { startHealth } from './health.ts';
import { type ServerParts, buildServer } from './server.ts';
import { Waits } from './waiting/waits.ts';

/** A gateway that has its process to itself. */
export type GatewayProcess = {
  /** Where it answers. */
  url: string;
  /** Of the health endpoint; null: off. */
  healthPort: number | null;
  /**
   * Stops: it is not ready from now on; after a pause, in which load balancers hear of that, open waits are answered with
   * 202 and their Location; then it closes. Resolves within the grace and a second. A second call stops at once.
   * @returns whether every request had its answer
   */
  stop(): Promise<boolean>;
};

/** How long load balancers take to hear that it is not ready, ms; at most a fifth of the grace. */
const pauseMs = 3000;

/** Redis answers a probe within this, or is away, ms. */
const probeMs = 1000;

const cannotListen = (what: string, { host, port }: { host: string; port: number }, error: unknown) => {
  const why = error instanceof Error ? error.message : String(error);
  return new SluiceError('SLUICE_INVALID_CONFIG', `${what} cannot listen on ${host}:${port} (${why})`, {
    cause: error,
  });
};

/**
 * Opens what a gateway process has: a client, the API and the health endpoint.
 * @throws SluiceError as `connect`; SLUICE_INVALID_CONFIG when it cannot listen
 */
export async function openGatewayProcess(config: GatewayConfig, log: Logger): Promise<GatewayProcess> {
  const { api, health, graceMs } = config;
  const { redisUrl: redis, prefix, bodyStore } = config;
  const logger = {
    info: (message: string) => log.info(message),
    warn: (message: string) => log.warn(message),
  };
  const opened = new AsyncDisposableStack();
  try {
    const sluice = opened.use(await connect({ redis, prefix, bodyStore, whenDown: 'fail', logger }));
    // That it loses the same Redis need not be said twice.
    const silent = { info: () => {}, warn: () => {} };
    const patient = opened.use(await connect({ redis, prefix, whenDown: 'wait', logger: silent }));
    const own = await openGatewayRedis(config.redisUrl, prefix);
    opened.defer(() => own.client.disconnect());
    const waits = new Waits();
    const door = doorOf(config, sluice);
    const stopping = new AbortController();
    const { openFields, keyRate, trustedProxies } = config;
    const limits = { redis: own, keyRate, trustedProxies };
    const app = await buildServer({ sluice, patient, ...door, ...limits, logger: log, openFields, waits });
    opened.defer(() => app.close());
    await app.listen({ ...api, listenTextResolver: () => 'listening' }).catch((error: unknown) => {
      throw cannotListen('the API', api, error);
    });
    const ready = async () => {
      if (stopping.signal.aborted) return ['it is stopping'];
      return (await answers(sluice)) ? [] : ['Redis does not answer'];
    };
    const server =
      health.port === 0
        ? null
        : await startHealth(health, ready).catch((error: unknown) => {
            throw cannotListen('the health endpoint', health, error);
          });
    const { port } = app.server.address() as AddressInfo;
    const url = `http://${api.host.includes(':') ? `[${api.host}]` : api.host}:${port}`;
    log.info({ redis: redactRedisUrl(config.redisUrl), url, health: server?.port ?? 'off' }, 'started');
    let isStopping = false;
    return {
      url,
      healthPort: server?.port ?? null,
      async stop() {
        const isFirst = !isStopping;
        isStopping = true;
        stopping.abort();
        if (isFirst) await sleep(Math.min(pauseMs, graceMs / 5));
        waits.close();
        const isClean = await closed(app, isFirst ? (graceMs * 4) / 5 : 0);
        await opened.disposeAsync();
        server?.close();
        return isClean;
      },
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

/** Who is let in. */
function doorOf(
  { auth, api }: GatewayConfig,
  sluice: Sluice,
): Pick<ServerParts, 'authenticate' | 'answered'> {
  const local = isLoopback(api.host);
  if (auth === 'none') return { authenticate: local ? open : openToAll };
  if (auth === 'auto' && local) return { authenticate: open };
  const byKey = new ByKey(sluice);
  return { authenticate: byKey.authenticate, answered: (request) => byKey.answered(request) };
}

async function answers(sluice: Sluice): Promise<boolean> {
  const late = sleep(probeMs, false, { ref: false });
  const list = sluice.queues.list().then(
    () => true,
    () => false,
  );
  return await Promise.race([list, late]);
}

/** Closes the server; what is not answered in time is cut off. */
async function closed(app: App, ms: number): Promise<boolean> {
  const done = new AbortController();
  const late = sleep(ms, false, { signal: done.signal }).catch(() => false);
  const closing = app.close().then(() => true);
  // Idle connections would keep it open.
  app.server.closeIdleConnections();
  const isClean = await Promise.race([closing, late]);
  done.abort();
  if (!isClean) app.server.closeAllConnections();
  return isClean;
}

export { readGatewayConfig } from './config.ts';
export { createLogger } from './logger.ts';
