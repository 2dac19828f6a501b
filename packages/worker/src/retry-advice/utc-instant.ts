/** A date and time of day as written, in UTC; `month` from 1, `second` up to 60. */
export type UtcParts = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
};

/**
 * Epoch ms of a UTC date and time, null when there is no such moment (30 February, 24:00).
 * A leap second (:60, RFC 9110 5.6.7) is the second after :59.
 */
export function utcInstant({ year, month, day, hour, minute, second }: UtcParts): number | null {
  if (hour > 23 || minute > 59 || second > 60) return null;
  const date = new Date(0);
  // Not Date.UTC, which reads the years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  date.setUTCHours(hour, minute, second);
  return date.getTime();
}
