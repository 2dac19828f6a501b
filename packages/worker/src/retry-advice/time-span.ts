import { decimalMs, unitNs } from './decimal.ts';

const grammar =
  /^(?:(?<days>[0-9]{1,8})\.)?(?<hours>[0-9]{1,2}):(?<minutes>[0-9]{2}):(?<seconds>[0-9]{2}(?:\.[0-9]{1,7})?)$/;

/**
 * Milliseconds of a .NET TimeSpan in its constant form, `[d.]hh:mm:ss[.fffffff]`, rounded up; null when it is not one.
 * Azure writes waits this way in some headers of its `x-ms-` family. Source: learn.microsoft.com, "Standard TimeSpan
 * format strings", the constant ("c") format specifier.
 */
export function timeSpanMs(text: string): number | null {
  const parts = grammar.exec(text)?.groups;
  if (parts === undefined) return null;
  const { days = '0', hours = '', minutes = '', seconds = '' } = parts;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) >= 60) return null;
  const whole = (Number(days) * 24 + Number(hours)) * 3_600_000 + Number(minutes) * 60_000;
  return whole + decimalMs(seconds, unitNs.s)!;
}
