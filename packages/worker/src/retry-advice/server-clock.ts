import type { HeaderLines } from './header-lines.ts';
import { httpDate } from './http-date.ts';

/**
 * The moment, epoch ms, that absolute times in a response are judged against: the response's own Date (RFC 9110 6.6.1),
 * so that the wait is what the server meant even if its clock differs from ours; the local clock when there is no valid
 * Date. A Date has no fraction of a second, which can only make the wait longer.
 * @param now the local clock, epoch ms
 */
export function serverClock(lines: HeaderLines, now: number): number {
  for (const line of lines.get('date') ?? []) {
    const date = httpDate(line, now);
    if (date !== null) return date;
  }
  return now;
}
