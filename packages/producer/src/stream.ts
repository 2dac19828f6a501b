import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, type Settled, fault } from '@sluice/shared';
import type { Input, Specs } from './input.ts';
import type { Handle } from './handle.ts';
import { type Ended, withEnd } from './job-error.ts';

/** One job that ended: `response` if fetch would have given one (`ok`), else `error`, which fetch would have thrown. */
export type EndedItem = {
  /** Position of its spec in the input, from 0. */
  index: number;
  id: string;
  /** The same as data. */
  outcome: Settled['outcome'];
  /** The body of the last response; empty where there was none, or where it is in the body store. */
  body: Uint8Array;
} & Ended;

/** One job of a stream that ended. */
export type StreamItem = EndedItem & { spec: Input };

export interface StreamOptions {
  /** The most jobs enqueued and not yet yielded, at least 1. Default 1000; more keeps more workers busy and takes more memory. */
  inFlight?: number | undefined;
  /** Stops taking specs and takes back the jobs that wait; those that run are awaited and yielded. */
  signal?: AbortSignal | undefined;
}

/** How often a stopped stream checks whether a job waits again, ms. */
const takeBackEveryMs = 200;

/** What the stream needs of a client. */
export type StreamClient = {
  enqueue(spec: Input, index: number): Promise<Handle>;
  withdraw(handle: Handle): Promise<unknown>;
  end(handle: Handle, settled: Settled): Ended;
};

/**
 * Enqueues specs and yields each as its job ends, in that order (`as_completed`). Memory is bounded by `inFlight`,
 * however long the input is. A faulty spec or option, or a fault of Redis, throws; jobs already enqueued go on.
 */
export async function* streamJobs(
  client: StreamClient,
  specs: Specs,
  options: StreamOptions = {},
): AsyncGenerator<StreamItem, void, undefined> {
  const limit = options.inFlight ?? 1000;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    const message = `must be a whole number of at least 1, and is ${limit}`;
    throw new SluiceError('SLUICE_INVALID_SPEC', `stream: inFlight: ${message}`, {
      faults: [fault(['inFlight'], message)],
    });
  }
  const ended: StreamItem[] = [];
  const running = new Map<number, Handle>();
  let inFlight = 0;
  let exhausted = false;
  let stopped = false;
  let failure: { error: unknown } | undefined;

  // One signal for everything that both sides wait for: room to enqueue, something to yield, the end.
  let wake = Promise.withResolvers<void>();
  const changed = () => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  const fail = (error: unknown) => {
    failure ??= { error };
    changed();
  };

  const start = async (spec: Input, index: number) => {
    const handle = await client.enqueue(spec, index);
    running.set(index, handle);
    if (stopped) await client.withdraw(handle);
    const settled = await handle.outcome();
    running.delete(index);
    const item = { index, id: handle.id, spec, outcome: settled.outcome, body: settled.body };
    ended.push(withEnd(item, () => client.end(handle, settled)));
    changed();
  };

  const feed = async () => {
    let index = 0;
    for await (const spec of specs) {
      while (inFlight >= limit && !stopped) await wake.promise;
      if (stopped) break;
      inFlight += 1;
      start(spec, index).catch(fail);
      index += 1;
    }
    exhausted = true;
    changed();
  };

  const stop = () => {
    stopped = true;
    changed();
    // One after the other: a thousand removals at once would delay the replies of active jobs. And again until none is
    // left: an active job may go back to wait for its next attempt.
    const takeBack = async () => {
      for (;;) {
        for (const handle of running.values()) await client.withdraw(handle);
        if (running.size === 0 || failure !== undefined) return;
        await sleep(takeBackEveryMs);
      }
    };
    takeBack().catch(fail);
  };
  if (options.signal?.aborted === true) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  feed().catch(fail);

  try {
    for (;;) {
      if (failure !== undefined) throw failure.error;
      const item = ended.shift();
      if (item !== undefined) {
        inFlight -= 1;
        changed();
        yield item;
      } else if ((exhausted || stopped) && inFlight === 0) {
        return;
      } else {
        await wake.promise;
      }
    }
  } finally {
    stopped = true;
    changed();
    options.signal?.removeEventListener('abort', stop);
  }
}
