import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { corkPerTurn, withFailureRule, heartbeat, openClient } from '@sluice/redis';
import type { Logger } from './logger.ts';
import { type WorkerConfig } from './config.ts';
import { decodeMessage, keysOf } from '@sluice/shared';
import { queueCaps } from './limits/concurrency.ts';
import { DeadlineSweeper } from './limits/deadlines.ts';
import { Holds } from './limits/holds.ts';
import { Locks } from './limits/locks.ts';
import { IdleConnections } from './http/idle-connections.ts';
import { Permits } from './limits/permit.ts';
import { PolicyReader } from './limits/policy.ts';
import { SendMarks } from './limits/send-marks.ts';
import { Semaphore } from './limits/semaphore.ts';
import { ClockWatch } from './ops/clock-watch.ts';
import { Drain } from './ops/drain.ts';
import { createMetrics } from './ops/metrics.ts';
import { OutageLog } from './ops/outage-log.ts';
import { PermitWatch } from './ops/permit-watch.ts';
import { waitOutRefusals } from './ops/refusals.ts';
import { Suspects } from './pipeline/suspects.ts';
import { Quarantine } from './quarantine.ts';
import { Bodies } from './results/bodies.ts';
import { FailedJobs } from './results/failed-jobs.ts';
import { Outcomes } from './results/store.ts';
import { type Serving, serveQueue } from './serve-queue.ts';
import { Transforms } from './transform/transforms.ts';

/** How long a drain waits for what is not of the jobs. */
const closingMs = 100;

export type RunningPool = {
  /** Why the pool is not ready; empty: it is. */
  notReady(): string[];
  /**
   * Stops taking jobs at once, waits up to `graceMs` for those in flight, gives the rest back unspent. A second call
   * gives them back immediately. Ends within the grace and a second, whatever Redis does.
   * @returns false when Redis did not answer and jobs are left: they run again when their locks have run out
   */
  drain(graceMs: number): Promise<boolean>;
};

/** A pool that is connected, and takes no jobs before `serve`. It can be drained at any time. */
export type OpenPool = RunningPool & { serve(): Promise<void> };

/** A process may always keep so many connections open, idle ones included, whatever its concurrency. */
const fewestConnections = 256;

/**
 * Serves queues: one BullMQ worker each, all under one concurrency of the process.
 * @throws SluiceError when Redis, the clock, the body store or a transform cannot be used
 */
export async function startPool(config: WorkerConfig, log: Logger): Promise<RunningPool> {
  const pool = await openPool(config, log);
  await pool.serve();
  return pool;
}

/** The first half of `startPool`: what can be refused is refused, and nothing is taken. */
export async function openPool(config: WorkerConfig, log: Logger): Promise<OpenPool> {
  const keys = keysOf(config.prefix);
  const bodies = await Bodies.open(config.bodyStore, log);
  const transforms = await Transforms.open(config.transforms, log);
  const outages = new OutageLog(log);
  const place = { url: config.redisUrl, prefix: config.prefix };
  const each = (client: Redis) => outages.watch(client);
  const redis = await openClient(place, {
    prepare: (client) => corkPerTurn(withFailureRule(client, waitOutRefusals(log))),
    each,
  });
  const subscriber = heartbeat(await openClient(place, { each }));

  const disconnect = () => {
    subscriber.disconnect();
    redis.disconnect();
  };

  const serving = new Map<string, Serving>();
  const metrics = createMetrics();
  const watch = new PermitWatch(log, (queue) => serving.get(queue)?.queue.policy.rate?.slack ?? null);
  const clock = new ClockWatch(redis, config.maxClockSkewMs, log, (fault) => {
    if (fault === null) log.info('the clock is right again: jobs are taken');
    else log.error(`no jobs are taken: ${fault}`);
    for (const served of serving.values()) served.setTaking(fault === null);
  });
  const holds = new Holds(redis, keys);
  const outcomes = new Outcomes(redis, keys, config.replyTtlMs);
  const quarantine = new Quarantine({ redis, keys, outcomes, log });
  const served = () => [...serving.values()].map(({ queue }) => queue);
  const queues = () => serving.keys();
  // By Redis' clock: with a wrong one it would end jobs that have time left.
  const now = () => clock.now();
  const sweeper = new DeadlineSweeper({ redis, keys, queues, now, outcomes, quarantine, log });
  const failedJobs = new FailedJobs({
    redis,
    keys,
    queues: served,
    now,
    log,
  });
  const shared = {
    config,
    log,
    redis,
    locks: new Locks(redis, keys, config.lockMs),
    clock,
    slots: new Semaphore(config.concurrency),
    idleConnections: new IdleConnections(Math.max(fewestConnections, 2 * config.concurrency)),
    permits: new Permits(redis, keys, holds),
    holds,
    outcomes,
    bodies,
    transforms,
    sendMarks: new SendMarks(redis, keys),
    suspects: new Suspects(),
    quarantine,
    metrics,
    observeAge: (queue: string, ageMs: number) => {
      metrics.permitAge.record(ageMs, { queue });
      watch.observe(queue, ageMs);
    },
  };

  const share = () => {
    for (const [name, jobs] of queueCaps(served(), config.concurrency))
      serving.get(name)!.setConcurrency(jobs);
  };

  const policies = new PolicyReader({
    redis,
    keys,
    queues: config.queues,
    log,
    events: {
      served: (queue) => {
        log.info({ queue: queue.name, version: queue.version }, 'serving queue');
        serving.set(queue.name, serveQueue(queue, shared));
        share();
        if (clock.fault !== null) serving.get(queue.name)!.setTaking(false);
      },
      changed: (queue) => {
        log.info({ queue: queue.name, version: queue.version }, 'policy changed');
        serving.get(queue.name)!.policyChanged();
        share();
      },
      removed: (queue) => {
        log.info({ queue: queue.name }, 'queue removed');
        const removed = serving.get(queue.name)!;
        serving.delete(queue.name);
        share();
        removed.cancelAll();
        removed
          .close()
          .catch((error: unknown) => log.warn({ err: error, queue: queue.name }, 'closing failed'));
      },
    },
  });

  subscriber.on('message', (_channel: string, text: string) => {
    const message = decodeMessage(text);
    if (message?.type === 'policy') void policies.look();
    if (message?.type === 'hold') holds.heard(message.queue, message.origin, message.ms);
    if (message?.type === 'release') holds.released(message.queue);
    if (message?.type === 'cancel') serving.get(message.queue)?.cancel(message.id);
  });
  try {
    await clock.start();
    await subscriber.subscribe(keys.events);
  } catch (error) {
    disconnect();
    throw error;
  }

  let isServing = false;
  let draining: { drain: Drain; ended: Promise<boolean> } | undefined;
  const end = async (drain: Drain, graceMs: number) => {
    policies.stop();
    const isEmpty = await drain.run(graceMs, Promise.all([sweeper.stop(), failedJobs.stop()]));
    clock.stop();
    watch.stop();
    // A sweep of the body store may take long, and is not waited for.
    await Promise.race([Promise.all([transforms.close(), bodies.stop()]), sleep(closingMs)]);
    disconnect();
    return isEmpty;
  };

  return {
    notReady: () => [
      ...(redis.status === 'ready' ? [] : [`the connection to Redis is ${redis.status}`]),
      ...(clock.fault === null ? [] : [clock.fault]),
      ...(isServing ? [] : ['starting']),
      ...(draining === undefined ? [] : ['draining']),
      ...served()
        .filter(({ policy }) => policy.store !== null && !bodies.ready)
        .map(({ name }) => `queue "${name}" stores large bodies; set SLUICE_BODY_STORE`),
      ...policies.missing.map(
        (name) => `queue "${name}" has no policy; create one with: sluice queue set ${name}`,
      ),
    ],
    serve: async () => {
      await policies.start();
      isServing = true;
      if (draining !== undefined) return;
      sweeper.start();
      failedJobs.start();
      bodies.start();
    },
    drain: (graceMs) => {
      if (draining === undefined) {
        const drain = new Drain([...serving.values()]);
        draining = { drain, ended: end(drain, graceMs) };
      } else draining.drain.hurry();
      return draining.ended;
    },
  };
}
