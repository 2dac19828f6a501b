import type { Redis } from 'ioredis';
import {
  type BullScripts,
  corkPerTurn,
  heartbeat,
  openClient,
  takesUnnamedKeys,
  withFailureRule,
} from '@sluice/redis';
import { keysOf } from '@sluice/shared';
import type { PoolConfig } from './settings.ts';
import { IdleConnections } from './http/idle-connections.ts';
import { Holds } from './limits/holds.ts';
import { Permits } from './limits/permits.ts';
import { SendMarks } from './limits/send-marks.ts';
import type { Logger } from './logger.ts';
import { Quarantine } from './maintenance/quarantine.ts';
import { ClockWatch } from './observe/clock-watch.ts';
import { createMetrics } from './observe/metrics.ts';
import { OutageLog } from './observe/outage-log.ts';
import { PermitWatch } from './observe/permit-watch.ts';
import { waitWhileUnavailable } from './observe/unavailable.ts';
import { Suspects } from './pipeline/suspects.ts';
import { Locks } from './queue/locks.ts';
import { Turn } from './queue/turn.ts';
import { hasInsides } from './queue/turn-backend.ts';
import { Bodies } from './results/bodies.ts';
import { Outcomes } from './results/outcomes.ts';
import { Slots } from './slots.ts';
import { Transforms } from './transform/transforms.ts';

/** A process may keep at least this many connections open, idle ones included, whatever its concurrency. */
const fewestConnections = 256;

/** The parts of a worker process, made once and shared by its queues. */
export type Parts = Awaited<ReturnType<typeof openParts>>;

/** @throws SluiceError when Redis, the body store or a transform cannot be used */
export async function openParts(config: PoolConfig, log: Logger, bull: BullScripts) {
  const keys = keysOf(config.prefix);
  const bodies = await Bodies.open(config.bodyStore, log);
  const transforms = await Transforms.open(config.transforms, log);
  const { redis, subscriber } = await connect(config, log);
  const clock = new ClockWatch(redis, config.maxClockSkewMs, log);
  const holds = new Holds(redis, keys);
  const outcomes = new Outcomes(redis, keys, config.replyTtlMs);
  const together = takesUnnamedKeys(config.redisUrl);
  const turn = together && hasInsides() ? Turn.open(redis, keys, bull) : null;
  if (together && turn === null)
    log.warn(
      { bullmq: bull.version },
      'this version of BullMQ is not known: each job makes its own calls to Redis, which cost more',
    );
  return {
    config,
    turn,
    log,
    keys,
    redis,
    subscriber,
    clock,
    // Redis' clock: by a wrong clock, jobs that have time left would expire.
    now: () => clock.now(),
    random: Math.random,
    locks: new Locks(redis, keys, config.lockMs),
    slots: new Slots(config.concurrency),
    idleConnections: new IdleConnections(Math.max(fewestConnections, 2 * config.concurrency)),
    permits: new Permits(redis, keys, holds),
    holds,
    outcomes,
    bodies,
    transforms,
    sendMarks: new SendMarks(redis, keys),
    suspects: new Suspects(),
    quarantine: new Quarantine({ redis, keys, outcomes, log }),
    metrics: createMetrics(),
    permitWatch: new PermitWatch(log),
  };
}

/** One connection for commands, one that listens. */
async function connect(config: PoolConfig, log: Logger): Promise<{ redis: Redis; subscriber: Redis }> {
  const outages = new OutageLog(log);
  const place = { url: config.redisUrl, prefix: config.prefix };
  const each = (client: Redis) => outages.watch(client);
  const prepare = (client: Redis) => corkPerTurn(withFailureRule(client, waitWhileUnavailable(log)));
  const redis = await openClient(place, { prepare, each });
  return { redis, subscriber: heartbeat(await openClient(place, { each })) };
}
