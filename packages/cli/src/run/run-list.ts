import { type JobSpec, type PolicyInput, type Sluice, type StreamItem, connect } from '@sluice/producer';
import { SluiceError, defaultPrefix } from '@sluice/shared';
import type { Progress } from './progress/meter.ts';
import { watch } from './progress/watch.ts';
import { type PrivateRedis, startPrivateRedis } from './redis/private-redis.ts';
import { type LocalWorkers, startWorkers } from './workers/local-workers.ts';
import { type RunQueue, createRunQueue, openSharedQueue } from './queue.ts';
import { type RunSummary, summarize } from './summary.ts';
import { Tally } from './tally.ts';

export type RunOptions = {
  /** How many jobs there are. */
  jobs: number;
  /** The jobs; taken one by one, as there is room. */
  specs: () => Iterable<string | JobSpec> | AsyncIterable<string | JobSpec>;
  /** The one origin that all jobs go to, so that a rejection holds the whole queue; null: there are several. */
  origin: string | null;
  /** Redis URL. Default: a private Redis, started for this run and removed after it. */
  redis?: string | undefined;
  /** Key prefix. Default `{sluice}`. */
  prefix?: string | undefined;
  /** The queue to use, with its policy. Default: one of the run's own, removed at the end. */
  queue?: string | undefined;
  /** The policy of the run's own queue; with `queue`, what that queue's policy must agree with. */
  policy: PolicyInput;
  /** Worker processes to start; 0: workers that already run do the work. */
  workers: number;
  /** Requests in flight in one worker. */
  concurrency: number;
  /** What worker processes inherit, without its SLUICE_ variables. */
  env: Readonly<Record<string, string | undefined>>;
  /** Stops the run: nothing more is enqueued, waiting jobs are taken back, active ones may finish. */
  signal?: AbortSignal | undefined;
};

export type RunHooks = {
  /** Everything is ready: Redis, queue and workers. The first job is enqueued when it resolves. */
  begin?: () => Promise<void>;
  /** A job ended. The next one waits until it resolves; when it rejects, the run ends with that error. */
  item?: (item: StreamItem) => Promise<void>;
  /** Twice a second. */
  progress?: (progress: Progress) => void;
  /** Something a person should know while the run goes on. */
  warn?: (text: string) => void;
};

export type RunResult = { summary: RunSummary; tally: Tally };

/** What a run needs, in the order it is set up. */
type Ground = { redis: PrivateRedis | null; sluice: Sluice; queue: RunQueue; workers: LocalWorkers };

/** A run keeps at least this many jobs in Redis: enough that no worker runs dry, few enough to take back quickly. */
const leastInFlight = 1000;

/** A client that cannot be closed within this time (Redis is gone) is left, ms. */
const closePatienceMs = 3000;

/**
 * Performs a list of jobs through Redis and worker processes, in bounded memory: Redis -> client -> queue -> workers ->
 * stream of outcomes. Whatever it started is gone when it settles.
 * @throws SluiceError when Redis, the queue or the workers cannot be used; what `hooks.item` throws
 */
export async function runList(options: RunOptions, hooks: RunHooks = {}): Promise<RunResult> {
  const warn = hooks.warn ?? (() => {});
  if (options.jobs === 0) {
    warn('there is nothing to do: the input has no jobs');
    await hooks.begin?.();
    const tally = new Tally();
    return { summary: summarize(0, tally, { sent: 0, rejected: 0 }, 0), tally };
  }
  await using stack = new AsyncDisposableStack();
  const redis = options.redis === undefined ? stack.use(await startPrivateRedis()) : null;
  const sluice = await open(stack, redis?.url ?? options.redis!, options.prefix ?? defaultPrefix);
  const queue = stack.use(
    options.queue === undefined
      ? await createRunQueue(sluice, { origin: options.origin, ...options.policy }, redis === null)
      : await openSharedQueue(sluice, options.queue, options.policy),
  );
  const settings = {
    env: options.env,
    redis: redis?.url ?? options.redis!,
    prefix: options.prefix ?? defaultPrefix,
    queue: queue.name,
    concurrency: options.concurrency,
    privateRedis: redis !== null,
  };
  const workers = stack.use(
    await startWorkers(options.workers, settings, {
      watch: (pid) => redis?.watch(pid),
      warn,
    }),
  );
  await hooks.begin?.();
  return await perform({ redis, sluice, queue, workers }, options, hooks);
}

async function open(stack: AsyncDisposableStack, redis: string, prefix: string): Promise<Sluice> {
  const sluice = await connect({ redis, prefix });
  stack.defer(async () => {
    await Promise.race([
      sluice.close(),
      new Promise((resolve) => setTimeout(resolve, closePatienceMs).unref()),
    ]);
  });
  return sluice;
}

async function perform(ground: Ground, options: RunOptions, hooks: RunHooks): Promise<RunResult> {
  const { redis, sluice, queue, workers } = ground;
  const tally = new Tally();
  const before = await sluice.queues.stats(queue.name);
  const began = performance.now();
  using _ = watch(
    { sluice, queue: queue.name, total: options.jobs, tally, before },
    { progress: hooks.progress ?? (() => {}), warn: hooks.warn ?? (() => {}) },
  );
  const fatal = Promise.race([workers.failed, ...(redis === null ? [] : [redis.died])]);
  const fault = await Promise.race([consume(ground, options, hooks, tally), fatal]);
  if (fault instanceof SluiceError) {
    // Nothing would take what they drain.
    workers.kill();
    throw fault;
  }
  const seconds = (performance.now() - began) / 1000;
  const after = await sluice.queues.stats(queue.name);
  const stats = { sent: after.sent - before.sent, rejected: after.rejected - before.rejected };
  return { summary: summarize(options.jobs, tally, stats, seconds), tally };
}

/** Streams the jobs through the queue, and hands each over as it ends. */
async function consume(ground: Ground, options: RunOptions, hooks: RunHooks, tally: Tally): Promise<void> {
  const { sluice, queue } = ground;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const inFlight = Math.max(leastInFlight, 4 * options.workers * options.concurrency);
  let failure: { error: unknown } | undefined;
  for await (const item of sluice.stream(options.specs(), { queue: queue.name, inFlight, signal })) {
    const counts = tally.add(item, signal.aborted);
    if (failure !== undefined || !counts) continue;
    try {
      await hooks.item?.(item);
    } catch (error) {
      // A queue of our own is removed with all its jobs; from a shared one they are taken back first.
      if (!queue.shared) throw error;
      failure = { error };
      stop.abort();
    }
  }
  if (failure !== undefined) throw failure.error;
}
