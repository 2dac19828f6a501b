/** The longest of several waits, leaving out those that could not be read; null when none could. */
export function longest(waits: readonly (number | null)[]): number | null {
  return waits.reduce((most, wait) => (most === null || (wait !== null && wait > most) ? wait : most), null);
}
