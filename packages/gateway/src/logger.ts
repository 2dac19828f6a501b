import { type Logger, pino } from 'pino';
import { loggedError } from '@sluice/shared';

/** The logger of a gateway: JSON lines on stderr. Neither headers nor URLs are written: both may hold secrets. */
export function createLogger(level: string): Logger {
  return pino(
    {
      name: 'sluice-gateway',
      level,
      base: { pid: process.pid },
      redact: ['headers', '*.headers', 'redisUrl', '*.redisUrl'],
      serializers: {
        err: (error: unknown) => loggedError(error),
        req: ({ method }: { method: string }) => ({ method }),
        res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
      },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
