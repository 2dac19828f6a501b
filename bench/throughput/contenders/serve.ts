/** What a producer can be asked to do over its IPC channel. */
export type Producer = {
  /** Has that many jobs done; resolves when all are delivered (or enqueued, where nothing is delivered). */
  run(jobs: number): Promise<void>;
  /** Only enqueues them. The producer is not used again afterwards. */
  fill(jobs: number): Promise<void>;
};

type Ask = { type: 'run' | 'fill'; jobs: number };

/** Says that it is ready, and answers until the channel closes. A fault ends the process, and so the bench. */
export function serveProducer(producer: Producer): void {
  const answer = async ({ type, jobs }: Ask) => {
    if (type === 'run') await producer.run(jobs);
    else if (type === 'fill') await producer.fill(jobs);
    else return;
    process.send?.({ type: 'done' });
  };
  process.on('message', (ask: Ask) => {
    answer(ask).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  serveUntilDisconnect();
}

/** Says that it is ready, and ends with its parent. */
export function serveUntilDisconnect(): void {
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'started' });
}

/** Runs `work` on every item, `slots` at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  slots: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const source = items[Symbol.iterator]();
  const slot = async () => {
    for (let next = source.next(); next.done !== true; next = source.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: slots }, slot));
}
