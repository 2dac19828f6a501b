import { setTimeout as sleep } from 'node:timers/promises';

/** Load balancers cut off what is silent for a minute, ms. */
export const beatMs = 15_000;

/**
 * The items of a source, and whenever it is silent for a while a beat, which clients ignore.
 * @param beat a comment of server-sent events, or a blank line of NDJSON
 * @param ms how long it may be silent
 */
export async function* withBeats(
  source: AsyncGenerator<string, void, undefined>,
  beat: string,
  ms: number = beatMs,
): AsyncGenerator<string, void, undefined> {
  try {
    let next = source.next();
    for (;;) {
      const done = new AbortController();
      const silent = sleep(ms, null, { signal: done.signal }).catch(() => null);
      const item = await Promise.race([next, silent]);
      done.abort();
      if (item === null) yield beat;
      else if (item.done === true) return;
      else {
        yield item.value;
        next = source.next();
      }
    }
  } finally {
    // Not awaited: a source that waits for its next item ends by its own signal.
    source.return().catch(() => {});
  }
}
