const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A span of time in the one unit that says most: `0 s`, `90 s`, `3 min`, `5 h`, `12 d`. Pure. */
export function spanText(ms: number): string {
  if (ms < 119_500) return `${Math.round(ms / 1000)} s`;
  if (ms < 59.5 * minute) return `${Math.round(ms / minute)} min`;
  if (ms < 47.5 * hour) return `${Math.round(ms / hour)} h`;
  return `${Math.round(ms / day)} d`;
}

/** `in 3 min`, `5 h ago`; what is within half a second is `now`. Pure. @param at epoch ms @param now epoch ms */
export function relativeText(at: number, now: number): string {
  const ms = at - now;
  if (Math.abs(ms) < 500) return 'now';
  return ms > 0 ? `in ${spanText(ms)}` : `${spanText(-ms)} ago`;
}

/** `2027-01-01T08:00:00Z (in 3 min)`. Pure. @param at epoch ms @param now epoch ms */
export function whenText(at: number, now: number): string {
  return `${timeOf(at)} (${relativeText(at, now)})`;
}

/** A time to the second, in UTC, whatever the machine's time zone is: `2027-01-01T08:00:00Z`. Pure. */
export function timeOf(at: number): string {
  // Beyond what a Date can hold, as a broken clock might write it.
  if (!(Math.abs(at) <= 8.64e15)) return 'an unknown time';
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
