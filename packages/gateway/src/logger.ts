import { type Logger, pino } from 'pino';
import { clip } from '@sluice/shared';

/** What a log line says about an error. Other fields may hold a command of Redis with its arguments. */
function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: name,
    message: clip(message),
    stack: stack === undefined ? undefined : clip(stack, 4096),
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined ? {} : { cause: loggedError(cause) }),
  };
}

/** The logger of a gateway: JSON lines on stderr. Neither headers nor URLs are written: both may hold secrets. */
export function createLogger(level: string): Logger {
  return pino(
    {
      name: 'sluice-gateway',
      level,
      base: { pid: process.pid },
      redact: ['headers', '*.headers', 'redisUrl', '*.redisUrl'],
      serializers: {
        err: loggedError,
        req: ({ method }: { method: string }) => ({ method }),
        res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
      },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
