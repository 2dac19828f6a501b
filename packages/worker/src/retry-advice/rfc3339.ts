import { utcInstant } from './utc-instant.ts';

const grammar =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))$/;

/**
 * Epoch ms, rounded up, of an RFC 3339 timestamp, null for anything else. Akamai, Anthropic and Vimeo write their
 * resets this way; Atlassian leaves the seconds out. Null without a zone: the moment is then a guess.
 */
export function rfc3339(text: string): number | null {
  const match = grammar.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, zoneHour, zoneMinute] = match;
  const local = utcInstant({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  });
  if (local === null) return null;
  const beyondMs = /[1-9]/.test(fraction.slice(3)) ? 1 : 0;
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0')) + beyondMs;
  if (sign === undefined) return local + ms;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return null;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  return local + ms - (sign === '-' ? -offset : offset);
}
