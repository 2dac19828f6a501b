import type { RawRedisOptions } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { namedAsTyped, withOptions } from '../variables.ts';

/** The options of `sluice gateway`, as typed. */
export type RawGatewayOptions = Omit<RawRedisOptions, 'redisTimeout'> & {
  port?: string;
  host?: string;
  grace?: string;
  healthPort?: string;
  logLevel?: string;
};

const optionNames = {
  redis: { variable: 'SLUICE_REDIS_URL', option: '--redis' },
  prefix: { variable: 'SLUICE_PREFIX', option: '--prefix' },
  port: { variable: 'SLUICE_GATEWAY_PORT', option: '--port' },
  host: { variable: 'SLUICE_GATEWAY_HOST', option: '--host' },
  grace: { variable: 'SLUICE_GRACE', option: '--grace' },
  healthPort: { variable: 'SLUICE_HEALTH_PORT', option: '--health-port' },
  logLevel: { variable: 'SLUICE_LOG_LEVEL', option: '--log-level' },
} as const satisfies Record<keyof RawGatewayOptions, { variable: string; option: string }>;

/** `sluice gateway`: serves until it is interrupted, then stops. @returns the exit code */
export async function gatewayCommand(raw: RawGatewayOptions, io: ProcessIo): Promise<number> {
  const { interrupt, stopping } = io;
  // Other commands need none of it.
  const { createLogger, openGatewayProcess, readGatewayConfig } = await import('@sluice/gateway/process');
  const config = namedAsTyped(
    () => readGatewayConfig(withOptions(raw, optionNames, io.env)),
    raw,
    optionNames,
    "the gateway's settings have faults",
  );
  const log = createLogger(config.logLevel);
  stopping.text = 'stopping: requests under way may finish; Ctrl-C again stops at once';
  const opening = openGatewayProcess(config, log);
  const stopped = new Promise<'stopped'>((resolve) => {
    if (interrupt.aborted) resolve('stopped');
    else interrupt.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  // Nobody was answered yet.
  if ((await Promise.race([opening, stopped])) === 'stopped') return exitCodes.allCompleted;
  const gateway = await opening;
  await stopped;
  const again = new Promise<boolean>((resolve) => {
    stopping.again = () => void gateway.stop().then(resolve);
  });
  const isClean = await Promise.race([gateway.stop(), again]);
  log.info(isClean ? 'stopped' : 'stopped: requests were cut off');
  return isClean ? exitCodes.allCompleted : exitCodes.fault;
}
