import type { Redis } from 'ioredis';
import { bounded } from '../bounded.ts';

/** How much is read at once, bytes: outcomes of 10 MiB come one by one, small ones by the hundred. */
const pageBytes = 2 ** 20;
const firstCount = 16;
const mostAtOnce = 512;

/** An entry of a stream: its id, and its fields and values in turn. */
export type Entry = { id: string; fields: Buffer[] };

type Reply = [key: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null;

export type PagesOptions = {
  /** Opens a connection of its own: the reads block. It is closed at the end. */
  open: (signal: AbortSignal) => Promise<Redis>;
  /** How long a read waits for entries, ms. */
  blockMs: number;
  stream: string;
  /** Begins after this entry. */
  cursor: string;
  signal: AbortSignal;
  /** Called before each read: may more come? If not, an empty read is the end. */
  goesOn: () => Promise<boolean>;
};

/** The entries of a stream from a cursor on, in bounded memory. */
export async function* readPages(options: PagesOptions): AsyncGenerator<Entry, void, undefined> {
  const { open, blockMs, stream, signal, goesOn } = options;
  if (isAborted(signal)) return;
  let redis: Redis;
  const opening = open(signal);
  try {
    redis = await bounded(opening, { signal });
  } catch (error) {
    opening.then(
      (late) => late.disconnect(),
      () => {},
    );
    if (isAborted(signal)) return;
    throw error;
  }
  // Closing the connection ends a read that blocks.
  const stop = () => redis.disconnect();
  signal.addEventListener('abort', stop, { once: true });
  let last = options.cursor;
  let count = firstCount;
  try {
    while (!isAborted(signal)) {
      const block = await goesOn();
      const reply: Reply = await (block
        ? redis.xreadBuffer('COUNT', count, 'BLOCK', blockMs, 'STREAMS', stream, last)
        : redis.xreadBuffer('COUNT', count, 'STREAMS', stream, last));
      const entries = reply?.[0]?.[1] ?? [];
      if (entries.length === 0 && !block) return;
      let bytes = 1;
      for (const [id, fields] of entries) {
        if (isAborted(signal)) return;
        last = id.toString();
        for (const field of fields) bytes += field.length;
        yield { id: last, fields };
      }
      if (entries.length > 0) {
        count = Math.max(1, Math.min(mostAtOnce, Math.floor((pageBytes * entries.length) / bytes)));
      }
    }
  } catch (error) {
    if (!isAborted(signal)) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    redis.disconnect();
  }
}

/** A function, because the compiler would take `signal.aborted` for constant after the first check. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
