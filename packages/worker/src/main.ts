#!/usr/bin/env node
import { shutdown } from './ops/shutdown.ts';
import { SluiceError, createLogger, readWorkerConfig, redactRedisUrl } from '@sluice/shared';
import { startHealthServer } from './ops/health.ts';
import { startTelemetry } from './ops/telemetry.ts';
import { openPool } from './pool.ts';

// The only reader of process.env: the environment -> config -> logger -> pool -> health -> jobs. Signals come first.
try {
  const config = readWorkerConfig(process.env);
  const log = createLogger('sluice-worker', config.logLevel);
  // Warnings of Node and of libraries are log lines like any other, not loose text between them.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.debug(`${warning.name}: ${warning.message}`));
  const serveMetrics = startTelemetry();
  const pool = await openPool(config, log);
  const { health } = config;
  const server =
    health.port === 0 ? null : await startHealthServer(health, () => pool.notReady(), serveMetrics);
  shutdown.drains(pool, config.graceMs, log, () => server?.close());
  await pool.serve();
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
