import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * The logger of a process: JSON lines on stderr (stdout belongs to results). Credentials are never written: only
 * these paths carry headers, and they are censored.
 */
export function createLogger(name: string, level: string): Logger {
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      redact: ['headers', '*.headers', 'redisUrl', '*.redisUrl'],
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
