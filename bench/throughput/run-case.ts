import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.ts';
import type { Setting } from './contenders/task.ts';
import { MeasuredProcess } from './measured-process.ts';
import { redisCpuMs, redisDataBytes, untilJobs } from './redis-use.ts';
import type { Stage } from './stage.ts';

/** What one run of one contender used. */
export type Figures = {
  contender: string;
  workers: number;
  requestsPerSecond: number;
  /** Of the workers and the producer together. */
  cpuMsPerRequest: number;
  producerCpuMsPerRequest: number;
  redisCpuMsPerRequest: number;
  producerPeakRssBytes: number;
  /** Of the largest worker. */
  workerPeakRssBytes: number;
  /** Redis after the run against before it. */
  redisGrowthBytes: number;
};

export type CaseOptions = { contender: Contender; workers: number; jobs: number; warmUp: number };

/** What comes late belongs to the run as well: acknowledgements, trimming. */
const trailMs = 500;

/**
 * Runs one contender with processes of its own, on an empty Redis.
 * @param during called with its processes before and after the measured part
 */
export async function runCase(
  stage: Stage,
  { contender, workers, jobs, warmUp }: CaseOptions,
  during?: { before(running: Running): Promise<void>; after(running: Running): Promise<void> },
): Promise<Figures> {
  const { redis, upstream } = stage;
  await redis.flushall();
  const setting: Setting = { ...stage.setting, queue: `bench-${contender.name}` };
  await using stack = new AsyncDisposableStack();
  const producer = stack.use(new MeasuredProcess(contender.producer, JSON.stringify(setting)));
  await producer.message('started');
  const pool = await Promise.all(
    Array.from({ length: contender.worker === undefined ? 0 : workers }, async () => {
      const worker = stack.use(contender.worker!(setting));
      await worker.message('started');
      return worker;
    }),
  );

  const perform = async (count: number) => {
    await producer.ask({ type: 'run', jobs: count }, 'done');
    if (!contender.delivers) await untilJobs(redis, `${contender.prefix}:${setting.queue}`, 0);
  };
  const processes = [producer, ...pool];
  const use = async () => ({
    usages: await Promise.all(processes.map((process) => process.usage())),
    redisMs: await redisCpuMs(redis),
  });

  const emptyBytes = await redisDataBytes(redis);
  await perform(warmUp);
  await sleep(trailMs);
  await upstream.reset();
  await during?.before({ producer, pool });
  const before = await use();
  const startedAt = performance.now();
  await perform(jobs);
  const seconds = (performance.now() - startedAt) / 1000;
  await sleep(trailMs);
  const after = await use();
  await during?.after({ producer, pool });
  const grownBytes = (await redisDataBytes(redis)) - emptyBytes;

  const arrived = (await upstream.arrivalColumns()).t.length;
  if (arrived !== jobs) throw new Error(`${contender.name}: ${arrived} requests arrived for ${jobs} jobs`);
  const cpu = after.usages.map(({ cpuMs }, index) => cpuMs - before.usages[index]!.cpuMs);
  const peaks = after.usages.map(({ peakRssBytes }) => peakRssBytes);
  return {
    contender: contender.name,
    workers: pool.length,
    requestsPerSecond: jobs / seconds,
    cpuMsPerRequest: cpu.reduce((sum, ms) => sum + ms, 0) / jobs,
    producerCpuMsPerRequest: cpu[0]! / jobs,
    redisCpuMsPerRequest: (after.redisMs - before.redisMs) / jobs,
    producerPeakRssBytes: peaks[0]!,
    workerPeakRssBytes: Math.max(0, ...peaks.slice(1)),
    redisGrowthBytes: grownBytes,
  };
}

export type Running = { producer: MeasuredProcess; pool: MeasuredProcess[] };
