import { type UtcParts, utcInstant } from './utc-instant.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayName = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longDayName = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const month = `(?<month>${months.join('|')})`;
const time = '(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})';

// Sun, 06 Nov 1994 08:49:37 GMT
const imfFixdate = new RegExp(`^${dayName}, (?<day>[0-9]{2}) ${month} (?<year>[0-9]{4}) ${time} GMT$`);
// Sunday, 06-Nov-94 08:49:37 GMT
const rfc850 = new RegExp(`^${longDayName}, (?<day>[0-9]{2})-${month}-(?<year>[0-9]{2}) ${time} GMT$`);
// Sun Nov  6 08:49:37 1994
const asctime = new RegExp(`^${dayName} ${month} (?<day>[0-9]{2}| [0-9]) ${time} (?<year>[0-9]{4})$`);

/**
 * Epoch ms of an HTTP-date in one of its three grammars (RFC 9110 5.6.7), null for anything else or an impossible
 * date. The name of the weekday must be one, but need not be the right one: it adds nothing, and servers get it wrong.
 *
 * `Date.parse` is no substitute: it reads an asctime date as local time and accepts much that is not a date.
 * @param now epoch ms, to place the two-digit year of an RFC 850 date
 */
export function httpDate(text: string, now: number): number | null {
  const full = imfFixdate.exec(text) ?? asctime.exec(text);
  if (full) return utcInstant(parts(full));
  const short = rfc850.exec(text);
  return short ? placedInCentury(parts(short), now) : null;
}

function parts(match: RegExpExecArray): UtcParts {
  const { year, month, day, hour, minute, second } = match.groups ?? {};
  return {
    year: Number(year),
    month: months.indexOf(month ?? '') + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
}

// RFC 9110 5.6.7: a two-digit year that seems to lie more than 50 years ahead is the last past year with its digits.
function placedInCentury(short: UtcParts, now: number): number | null {
  const horizon = new Date(now);
  horizon.setUTCFullYear(horizon.getUTCFullYear() + 50);
  const century = Math.floor(horizon.getUTCFullYear() / 100) * 100;
  const thisCentury = utcInstant({ ...short, year: century + short.year });
  if (thisCentury !== null && thisCentury <= horizon.getTime()) return thisCentury;
  return utcInstant({ ...short, year: century - 100 + short.year });
}
