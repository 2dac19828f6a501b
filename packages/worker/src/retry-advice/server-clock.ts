import type { HeaderLines } from './header-lines.ts';
import { httpDate } from './http-date.ts';

/**
 * The moment, epoch ms, that absolute times in a response are judged against: the response's own Date (RFC 9110
 * 6.6.1), so that a server whose clock differs from ours is waited for no more and no less than it meant; the local
 * clock when there is no valid Date. A Date has no fraction of a second: the wait can only get longer by it.
 * @param now the local clock, epoch ms
 */
export function serverClock(lines: HeaderLines, now: number): number {
  for (const line of lines.get('date') ?? []) {
    const date = httpDate(line, now);
    if (date !== null) return date;
  }
  return now;
}
