import { type Logger as PinoLogger, pino } from 'pino';
import { loggedError } from '@sluice/shared';

/** One line of the log: a sentence, or fields and a sentence. */
export type LogLine = {
  (fields: object, message: string): void;
  (message: string): void;
};

/** What the worker needs of a logger: four methods of pino's, which bunyan's, Fastify's and `console` have, too. */
export type Logger = Record<'debug' | 'info' | 'warn' | 'error', LogLine>;

/** The methods of a logger. */
export const logMethods = ['debug', 'info', 'warn', 'error'] as const;

/**
 * Somebody else's logger, for our lines: errors are reduced to what belongs in a log, because most loggers write every
 * field of an error, and those of Redis hold the command with its arguments.
 */
export function guardedLogger(logger: Logger): Logger {
  const line = (method: (typeof logMethods)[number]): LogLine => {
    return (...args: [object, string] | [string]) => {
      if (args.length === 1) logger[method](args[0]);
      else {
        const [fields, message] = args;
        logger[method]('err' in fields ? { ...fields, err: loggedError(fields.err) } : fields, message);
      }
    };
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/**
 * The logger of a process: JSON lines on stderr (stdout belongs to results). Credentials are never written: only
 * these paths carry headers, and they are censored.
 */
export function createLogger(name: string, level: string): PinoLogger {
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      redact: ['headers', '*.headers', 'redisUrl', '*.redisUrl'],
      // Without this, pino writes every field of an error.
      serializers: { err: (error: unknown) => loggedError(error) },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
