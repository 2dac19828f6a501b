import { Redis } from 'ioredis';
import {
  type Logger,
  type WorkerConfig,
  corkPerTurn,
  decodeMessage,
  keysOf,
  openClient,
} from '@sluice/shared';
import { queueCaps } from './limits/concurrency.ts';
import { DeadlineSweeper } from './limits/deadlines.ts';
import { Holds } from './limits/holds.ts';
import { Permits } from './limits/permit.ts';
import { PolicyReader } from './limits/policy.ts';
import { SendMarks } from './limits/send-marks.ts';
import { Semaphore } from './limits/semaphore.ts';
import { ClockWatch } from './ops/clock-watch.ts';
import { createMetrics } from './ops/metrics.ts';
import { PermitWatch } from './ops/permit-watch.ts';
import { Quarantine } from './quarantine.ts';
import { Bodies } from './results/bodies.ts';
import { Outcomes } from './results/store.ts';
import { type Serving, serveQueue } from './serve-queue.ts';
import { Transforms } from './transform/transforms.ts';

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
 * @throws SluiceError when Redis, the body store or a transform cannot be used
 */
export async function startPool(config: WorkerConfig, log: Logger): Promise<RunningPool> {
  const keys = keysOf(config.prefix);
  const bodies = await Bodies.open(config.bodyStore, log);
  const transforms = await Transforms.open(config.transforms, log);
  const redis = await openClient(config.redisUrl, (target, base) => corkPerTurn(new Redis(target, base)));
  const subscriber = await openClient(config.redisUrl, (target, base) => new Redis(target, base));
  redis.on('close', () => log.warn('the connection to Redis is lost; reconnecting'));
  redis.on('ready', () => log.info('connected to Redis again'));

  const serving = new Map<string, Serving>();
  const metrics = createMetrics();
  const watch = new PermitWatch(log, (queue) => serving.get(queue)?.queue.policy.rate?.slack ?? null);
  const clock = new ClockWatch(redis, config.maxClockSkewMs, log);
  const holds = new Holds(redis, keys);
  const outcomes = new Outcomes(redis, keys);
  const quarantine = new Quarantine({ redis, keys, outcomes, log });
  const queues = () => serving.keys();
  const sweeper = new DeadlineSweeper({ redis, keys, queues, outcomes, quarantine, log });
  const shared = {
    config,
    log,
    redis,
    slots: new Semaphore(config.concurrency),
    permits: new Permits(redis, keys, holds),
    holds,
    outcomes,
    bodies,
    transforms,
    sendMarks: new SendMarks(redis, keys),
    quarantine,
    metrics,
    observeAge: (queue: string, ageMs: number) => {
      metrics.permitAge.record(ageMs, { queue });
      watch.observe(queue, ageMs);
    },
  };

  const share = () => {
    const queues = [...serving.values()].map(({ queue }) => queue);
    for (const [name, jobs] of queueCaps(queues, config.concurrency)) serving.get(name)!.setConcurrency(jobs);
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
  await clock.start();
  await subscriber.subscribe(keys.events);
  await policies.start();
  sweeper.start();
  bodies.start();

  const giveBackAll = () => {
    for (const served of serving.values()) served.giveBackAll();
  };
  let draining: Promise<void> | undefined;
  const drain = async (graceMs: number) => {
    policies.stop();
    await sweeper.stop();
    const timer = setTimeout(giveBackAll, graceMs);
    await Promise.all([...serving.values()].map((served) => served.close()));
    clearTimeout(timer);
    await transforms.close();
    await bodies.stop();
    watch.stop();
    clock.stop();
    redis.removeAllListeners('close');
    subscriber.disconnect();
    redis.disconnect();
  };

  return {
    notReady: () => [
      ...(redis.status === 'ready' ? [] : [`the connection to Redis is ${redis.status}`]),
      ...(clock.fault === null ? [] : [clock.fault]),
      ...(draining === undefined ? [] : ['draining']),
      ...[...serving.values()]
        .filter(({ queue }) => queue.policy.store !== null && !bodies.ready)
        .map(({ queue }) => `queue "${queue.name}" stores large bodies; set SLUICE_BODY_STORE`),
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
