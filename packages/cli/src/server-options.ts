import type { Command } from 'commander';
import { type RawRedisOptions, addPlaceOptions } from './fleet-options.ts';

/** The options of a command that serves in the foreground, as typed. */
export type RawServerOptions = Omit<RawRedisOptions, 'redisTimeout'> & {
  grace?: string;
  healthPort?: string;
  logLevel?: string;
};

/** Each of them, and the variable that it stands for. */
export const serverOptionNames = {
  redis: { variable: 'SLUICE_REDIS_URL', option: '--redis' },
  prefix: { variable: 'SLUICE_PREFIX', option: '--prefix' },
  grace: { variable: 'SLUICE_GRACE', option: '--grace' },
  healthPort: { variable: 'SLUICE_HEALTH_PORT', option: '--health-port' },
  logLevel: { variable: 'SLUICE_LOG_LEVEL', option: '--log-level' },
} as const;

/** Adds them to a command, with the command's own in the middle: that is how its help lists them. */
export function addServerOptions(command: Command, addOwn: (command: Command) => Command): Command {
  return addOwn(addPlaceOptions(command))
    .option(
      '--grace <duration>',
      'how long requests under way may take to finish (default: SLUICE_GRACE, else 25s)',
    )
    .option(
      '--health-port <port>',
      'port of the health endpoint; 0: none (default: SLUICE_HEALTH_PORT, else 8080)',
    )
    .option(
      '--log-level <level>',
      'error, warn, info, debug or silent (default: SLUICE_LOG_LEVEL, else info)',
    );
}

/** Resolves when a command is interrupted. */
export function interrupted(interrupt: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (interrupt.aborted) resolve('stopped');
    else interrupt.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
}
