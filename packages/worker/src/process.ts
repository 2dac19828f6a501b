import { SluiceError } from '@sluice/shared';
import { redactRedisUrl } from '@sluice/redis';
import type { Logger } from './logger.ts';
import { startHealthServer } from './observe/health.ts';
import { Pool } from './pool.ts';
import type { WorkerConfig } from './settings.ts';

/** A worker that has its process to itself. */
export type WorkerProcess = {
  pool: Pool;
  /** Takes jobs from now on, and logs that. */
  serve(): Promise<void>;
  /** Closes the health endpoint. */
  done(): void;
};

/**
 * Opens what a worker process has: the pool, the metrics SDK and the health endpoint. It takes no jobs before `serve`.
 * @throws SluiceError as `startPool`; SLUICE_INVALID_CONFIG when the health endpoint cannot listen
 */
export async function openWorkerProcess(config: WorkerConfig, log: Logger): Promise<WorkerProcess> {
  const { health } = config;
  // The SDK only where its figures can be read: loading it takes a fifth of a worker's start.
  const serveMetrics = health.port === 0 ? null : (await import('./observe/telemetry.ts')).startTelemetry();
  const pool = await Pool.open(config, log);
  let server: Awaited<ReturnType<typeof startHealthServer>> | null = null;
  try {
    if (serveMetrics !== null) server = await startHealthServer(health, () => pool.notReady(), serveMetrics);
  } catch (error) {
    await pool.drain(0);
    throw cannotListen(health, error);
  }
  return {
    pool,
    async serve() {
      await pool.serve();
      const redis = redactRedisUrl(config.redisUrl);
      log.info({ redis, queues: config.queues, health: server?.port ?? 'off' }, 'started');
      for (const reason of pool.notReady()) log.warn(`not ready: ${reason}`);
    },
    done: () => server?.close(),
  };
}

function cannotListen({ host, port }: WorkerConfig['health'], error: unknown): SluiceError {
  const why = error instanceof Error ? error.message : String(error);
  const message = `the health endpoint cannot listen on ${host}:${port} (${why}); choose another SLUICE_HEALTH_PORT, or 0 for none`;
  return new SluiceError('SLUICE_INVALID_CONFIG', message, { cause: error });
}

export { readWorkerConfig } from './config.ts';
export { createLogger } from './logger.ts';
