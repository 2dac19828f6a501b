import type { Contender } from './contender.ts';
import type { Setting } from './contenders/task.ts';
import { MeasuredProcess } from './measured-process.ts';
import { redisDataBytes, untilJobs } from './redis-use.ts';
import type { Stage } from './stage.ts';

/** How many bytes of Redis one waiting job takes: enqueues jobs while no worker runs. */
export async function waitingBytes(stage: Stage, contender: Contender, jobs: number): Promise<number> {
  const { redis } = stage;
  await redis.flushall();
  const setting: Setting = { ...stage.setting, queue: `bench-${contender.name}` };
  const bull = `${contender.prefix}:${setting.queue}`;
  await using producer = new MeasuredProcess(contender.producer, JSON.stringify(setting));
  await producer.message('started');
  // BullMQ's event stream is bounded, so one more job adds nothing to it.
  const measure = async () => {
    await redis.xtrim(`${bull}:events`, 'MAXLEN', 0);
    return await redisDataBytes(redis);
  };
  const before = await measure();
  await producer.ask({ type: 'fill', jobs }, 'done');
  await untilJobs(redis, bull, jobs);
  return ((await measure()) - before) / jobs;
}
