/** What a contender's process is told, as JSON in its first argument. */
export type Setting = {
  redisUrl: string;
  queue: string;
  /** The rate that both processes together must keep. */
  limit: number;
  perMs: number;
  /** How many processes there are. */
  processes: number;
  /** The work of this one. */
  urls: string[];
};

/** Requests under way in one process: more than the rate needs. */
export const concurrency = 50;

/** One request, as a competent user writes it. A 429 is not made up for. */
export async function request(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  await response.arrayBuffer();
}

/**
 * The frame of a contender: prepares, says so, and begins when it is told to. Its process ends with its parent.
 * @param prepare connects; what it resolves with begins the work
 */
export async function contend(prepare: (setting: Setting) => Promise<() => unknown>): Promise<void> {
  const begin = await prepare(JSON.parse(process.argv[2] ?? '') as Setting);
  process.on('disconnect', () => process.exit(0));
  process.once('message', () => void begin());
  process.send?.('ready');
}
