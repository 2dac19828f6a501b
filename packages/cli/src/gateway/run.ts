import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawServerOptions, interrupted, serverOptionNames } from '../server-options.ts';
import { type OptionNames, namedAsTyped, withOptions } from '../variables.ts';

/** The options of `sluice gateway`, as typed. */
export type RawGatewayOptions = RawServerOptions & { port?: string; host?: string };

const optionNames: OptionNames<RawGatewayOptions> = {
  ...serverOptionNames,
  port: { variable: 'SLUICE_GATEWAY_PORT', option: '--port' },
  host: { variable: 'SLUICE_GATEWAY_HOST', option: '--host' },
};

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
  const stopped = interrupted(interrupt);
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
