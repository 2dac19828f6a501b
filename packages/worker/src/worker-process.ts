import { SluiceError } from '@sluice/shared';
import { createLogger } from './logger.ts';
import { readWorkerConfig } from './config.ts';
import { redactRedisUrl } from '@sluice/redis';
import { startHealthServer } from './observe/health.ts';
import type { Shutdown } from './shutdown.ts';
import { Pool } from './pool.ts';

/** Environment -> config -> logger -> pool -> health -> jobs. If a step fails, exits with code 1 and a sentence. */
export async function runWorker(env: Record<string, string | undefined>, shutdown: Shutdown): Promise<void> {
  try {
    const config = readWorkerConfig(env);
    const log = createLogger('sluice-worker', config.logLevel);
    // Warnings of Node and of libraries are log lines like any other, not loose text between them.
    process.removeAllListeners('warning');
    process.on('warning', (warning) => log.debug(`${warning.name}: ${warning.message}`));
    const { health } = config;
    // The SDK only where its figures can be read: loading it takes a fifth of a worker's start.
    const serveMetrics = health.port === 0 ? null : (await import('./observe/telemetry.ts')).startTelemetry();
    const pool = await Pool.open(config, log);
    const server =
      serveMetrics === null ? null : await startHealthServer(health, () => pool.notReady(), serveMetrics);
    shutdown.drains(pool, config.graceMs, log, () => server?.close());
    await pool.serve();
    log.info(
      { redis: redactRedisUrl(config.redisUrl), queues: config.queues, health: server?.port ?? 'off' },
      'started',
    );
    for (const reason of pool.notReady()) log.warn(`not ready: ${reason}`);
    if (process.connected) process.send?.({ type: 'started' });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    process.stderr.write(`sluice-worker: ${error.message} (${error.code})\n`);
    process.exit(1);
  }
}
