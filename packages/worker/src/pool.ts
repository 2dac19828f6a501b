import { type Job, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { type Logger, type WorkerConfig, keysOf, openClient } from '@sluice/shared';
import { type GuardedAgent, createAgent } from './http/agent.ts';
import { queueCaps } from './limits/concurrency.ts';
import { Holds } from './limits/holds.ts';
import { Permits } from './limits/permit.ts';
import { PolicyReader, type ServedQueue } from './limits/policy.ts';
import { Semaphore } from './limits/semaphore.ts';
import { run } from './pipeline/run.ts';
import { backoffStrategy, settle } from './pipeline/settle.ts';
import { abortReasons } from './pipeline/verdict.ts';
import { Outcomes } from './results/store.ts';

/** A killed worker's jobs are found within this and one more. */
const stalledIntervalMs = 5000;

/** A sleeping worker notices a changed limit or a due retry within this. */
const maximumRateLimitDelayMs = 1000;

/** Failed jobs are kept for a week, the last 10,000 of a queue. */
const keepFailed = { age: 7 * 86_400, count: 10_000 };

type Serving = { queue: ServedQueue; worker: Worker; agent: GuardedAgent };

export type RunningPool = {
  /** Why the pool is not ready; empty: it is. */
  notReady(): string[];
  /**
   * Stops taking jobs at once, waits up to `graceMs` for those in flight, gives the rest back unspent.
   * A second call gives them back immediately.
   */
  drain(graceMs: number): Promise<void>;
};

/**
 * Serves queues: one BullMQ worker each, all under one concurrency of the process.
 * @throws SluiceError when Redis cannot be used
 */
export async function startPool(config: WorkerConfig, log: Logger): Promise<RunningPool> {
  const keys = keysOf(config.prefix);
  const redis = await openClient(
    config.redisUrl,
    (target, base) => new Redis(target, { ...base, enableAutoPipelining: true }),
  );
  const subscriber = await openClient(config.redisUrl, (target, base) => new Redis(target, base));
  redis.on('error', (error: Error) => log.warn({ err: error }, 'Redis connection lost; reconnecting'));

  const holds = new Holds(redis, keys);
  const permits = new Permits(redis, keys, holds);
  const outcomes = new Outcomes(redis, keys);
  const slots = new Semaphore(config.concurrency);
  const serving = new Map<string, Serving>();

  const serve = (queue: ServedQueue): Serving => {
    const agent = createAgent(queue, config.concurrency, () => {});
    // BullMQ hands the signal over only to a processor that declares three parameters.
    const processor = async (bull: Job, token: string | undefined, signal: AbortSignal | undefined) => {
      const job = {
        queue: queue.name,
        id: bull.id!,
        token: token!,
        data: bull.data as unknown,
        attemptsMade: bull.attemptsMade,
        takenAt: performance.now(),
        signal: signal!,
      };
      const context = {
        policy: queue.policy,
        agent,
        slots,
        permits,
        holds,
        now: Date.now,
        random: Math.random,
      };
      const { verdict, envelope } = await run(job, context);
      return await settle(verdict, job, bull, envelope, outcomes);
    };
    const worker = new Worker(queue.name, processor, {
      connection: redis,
      prefix: config.prefix,
      skipVersionCheck: true,
      lockDuration: config.lockMs,
      stalledInterval: stalledIntervalMs,
      // Kills never fail a job; BullMQ would do so without an outcome.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      maximumRateLimitDelay: maximumRateLimitDelayMs,
      removeOnComplete: { count: 0 },
      removeOnFail: keepFailed,
      settings: { backoffStrategy },
    });
    worker.on('error', (error) => log.warn({ err: error, queue: queue.name }, 'worker error'));
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) worker.cancelJob(id, abortReasons.lockLost);
    });
    log.info({ queue: queue.name, version: queue.version }, 'serving queue');
    return { queue, worker, agent };
  };

  const share = () => {
    const caps = queueCaps(
      [...serving.values()].map(({ queue }) => queue),
      config.concurrency,
    );
    for (const { queue, worker } of serving.values()) worker.concurrency = caps.get(queue.name)!;
  };

  const close = async ({ worker, agent }: Serving) => {
    await worker.close();
    await agent.close();
  };

  const policies = new PolicyReader({
    redis,
    keys,
    queues: config.queues,
    log,
    events: {
      served: (queue) => {
        serving.set(queue.name, serve(queue));
        share();
      },
      changed: (queue) => {
        log.info({ queue: queue.name, version: queue.version }, 'policy changed');
        share();
      },
      removed: (queue) => {
        const served = serving.get(queue.name)!;
        serving.delete(queue.name);
        share();
        served.worker.cancelAllJobs(abortReasons.cancelled);
        close(served).catch((error: unknown) =>
          log.warn({ err: error, queue: queue.name }, 'closing failed'),
        );
      },
    },
  });
  subscriber.on('message', (_channel: string, text: string) => {
    holds.onMessage(text);
    policies.onMessage(text);
  });
  await subscriber.subscribe(keys.events);
  await policies.start();

  const giveBackAll = () => {
    for (const { worker } of serving.values()) worker.cancelAllJobs(abortReasons.shutdown);
  };

  let draining: Promise<void> | undefined;
  const drain = async (graceMs: number) => {
    policies.stop();
    const timer = setTimeout(giveBackAll, graceMs);
    await Promise.all([...serving.values()].map(close));
    clearTimeout(timer);
    subscriber.disconnect();
    redis.disconnect();
  };

  return {
    notReady: () => [
      ...(redis.status === 'ready' ? [] : [`Redis connection is ${redis.status}`]),
      ...(draining === undefined ? [] : ['draining']),
      ...policies.missing.map(
        (name) => `queue "${name}" has no policy; create one with: sluice queue set ${name}`,
      ),
    ],
    drain: (graceMs) => {
      if (draining !== undefined) giveBackAll();
      draining ??= drain(graceMs);
      return draining;
    },
  };
}
