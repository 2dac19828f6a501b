import { SluiceError } from '@sluice/shared';
import { createLogger } from './logger.ts';
import { readWorkerConfig } from './config.ts';
import { openWorkerProcess } from './process.ts';
import type { Shutdown } from './shutdown.ts';

/** Environment -> config -> logger -> pool -> health -> jobs. If a step fails, exits with code 1 and a sentence. */
export async function runWorker(env: Record<string, string | undefined>, shutdown: Shutdown): Promise<void> {
  try {
    const config = readWorkerConfig(env);
    const log = createLogger('sluice-worker', config.logLevel);
    // Warnings of Node and of libraries are log lines like any other, not loose text between them.
    process.removeAllListeners('warning');
    process.on('warning', (warning) => log.debug(`${warning.name}: ${warning.message}`));
    const worker = await openWorkerProcess(config, log);
    shutdown.drains(worker.pool, config.graceMs, log, () => worker.done());
    await worker.serve();
    if (process.connected) process.send?.({ type: 'started' });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    process.stderr.write(`sluice-worker: ${error.message} (${error.code})\n`);
    process.exit(1);
  }
}
