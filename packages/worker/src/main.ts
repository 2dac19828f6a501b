#!/usr/bin/env node
import { SluiceError, createLogger, readWorkerConfig, redactRedisUrl } from '@sluice/shared';
import { startHealthServer } from './ops/health.ts';
import { drainOnSignals } from './ops/shutdown.ts';
import { startTelemetry } from './ops/telemetry.ts';
import { startPool } from './pool.ts';

// The only reader of process.env: the environment -> config -> logger -> pool -> health -> signals.
try {
  const config = readWorkerConfig(process.env);
  const log = createLogger('sluice-worker', config.logLevel);
  // Warnings of Node and of libraries are log lines like any other, not loose text between them.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.debug(`${warning.name}: ${warning.message}`));
  const serveMetrics = startTelemetry();
  const pool = await startPool(config, log);
  const { health } = config;
  const server =
    health.port === 0 ? null : await startHealthServer(health, () => pool.notReady(), serveMetrics);
  drainOnSignals(pool, config.graceMs, log, () => server?.close());
  log.info(
    { redis: redactRedisUrl(config.redisUrl), queues: config.queues, health: server?.port ?? 'off' },
    'started',
  );
  for (const reason of pool.notReady()) log.warn(`not ready: ${reason}`);
  process.send?.({ type: 'started' });
} catch (error) {
  if (!(error instanceof SluiceError)) throw error;
  process.stderr.write(`sluice-worker: ${error.message} (${error.code})\n`);
  process.exit(1);
}
