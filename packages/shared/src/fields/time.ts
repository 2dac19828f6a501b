import { z } from 'zod';
import { parseDuration } from './duration.ts';

/**
 * A point in time: a `Date`, an ISO 8601 text with its offset (`"2027-01-01T08:00:00Z"`), epoch ms (less than 2^53), or
 * a duration from now (`"15m"`).
 */
export type Time = Date | string | number;

const forms =
  'write epoch ms, a Date, an ISO 8601 time such as "2027-01-01T08:00:00Z", or a duration such as "15m"';

const iso = z.iso.datetime({ offset: true });

/** Epoch ms of what was given; null: it is no time. */
function epochMsOf(value: Time): number | null {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime();
  if (typeof value === 'number') return value;
  const ms = parseDuration(value);
  if (ms !== null) return Date.now() + ms;
  return iso.safeParse(value).success ? Date.parse(value) : null;
}

/** A `Time`. The parsed value is epoch ms, which a double holds exactly: Redis and BullMQ compute with doubles. */
export const timeSchema = z
  .custom<Time>((value) => value instanceof Date || typeof value === 'string' || typeof value === 'number', {
    error: `is not a time: ${forms}`,
    abort: true,
  })
  .transform((value, ctx) => {
    const ms = epochMsOf(value);
    if (ms === null || Number.isNaN(ms)) {
      ctx.addIssue(`${typeof value === 'string' ? JSON.stringify(value) : 'that'} is not a time: ${forms}`);
      return z.NEVER;
    }
    if (ms >= 2 ** 53) ctx.addIssue('must be less than 2^53 ms');
    else if (ms < 0) ctx.addIssue('must not be before 1970');
    else if (!Number.isInteger(ms)) ctx.addIssue('must be whole ms since 1970');
    return ms;
  });
