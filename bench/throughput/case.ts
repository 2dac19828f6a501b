import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.ts';
import type { Setting } from './contenders/task.ts';
import { MeasuredProcess } from './measured-process.ts';
import { redisCpuMs, redisDataBytes, untilJobs } from './redis-use.ts';
import type { Stage } from './stage.ts';

/** What one round of one case used. */
export type Figures = {
  requestsPerSecond: number;
  /** CPU of the producer, ms per request. */
  producerCpuMs: number;
  /** CPU of all workers, ms per request. */
  workerCpuMs: number;
  redisCpuMs: number;
  producerPeakRssBytes: number;
  /** Peak of the largest worker. */
  workerPeakRssBytes: number;
  /** Growth of Redis over the round. */
  redisGrowthBytes: number;
};

/** What comes late also belongs to the round: acknowledgements, trimming. */
const trailMs = 300;

/** One contender with its processes, which live through all its rounds. */
export class Case implements AsyncDisposable {
  readonly contender: Contender;
  /** The contender's, or that of its second case. */
  readonly name: string;
  readonly producer: MeasuredProcess;
  readonly workers: readonly MeasuredProcess[];
  readonly #stage: Stage;
  readonly #bull: string;

  private constructor(
    stage: Stage,
    contender: Contender,
    processes: { name: string; bull: string; producer: MeasuredProcess; workers: MeasuredProcess[] },
  ) {
    this.#stage = stage;
    this.contender = contender;
    this.name = processes.name;
    this.#bull = processes.bull;
    this.producer = processes.producer;
    this.workers = processes.workers;
  }

  /** Starts the processes, and resolves when they wait for work. */
  static async open(
    stage: Stage,
    contender: Contender,
    workers: number,
    { name = contender.name, queues = 1 }: { name?: string; queues?: number } = {},
  ): Promise<Case> {
    const setting: Setting = { ...stage.setting, queue: `bench-${name}-${workers}`, queues };
    await using stack = new AsyncDisposableStack();
    const producer = stack.use(new MeasuredProcess(contender.producer, JSON.stringify(setting)));
    await producer.message('started');
    const pool: MeasuredProcess[] = [];
    for (let n = 0; n < workers && contender.worker !== undefined; n++) {
      const worker = stack.use(contender.worker(setting));
      await worker.message('started');
      pool.push(worker);
    }
    stack.move(); // they are the case's now
    return new Case(stage, contender, {
      name,
      bull: `${contender.prefix}:${setting.queue}`,
      producer,
      workers: pool,
    });
  }

  /** Has `jobs` requests made. @throws Error unless each is made exactly once */
  async round(jobs: number): Promise<Figures> {
    const { redis, upstream } = this.#stage;
    await upstream.reset();
    const bytesBefore = await redisDataBytes(redis);
    const before = await this.#use();
    const startedAt = performance.now();
    await this.producer.ask({ type: 'run', jobs }, 'done');
    if (!this.contender.delivers) await untilJobs(redis, this.#bull, 0);
    const seconds = (performance.now() - startedAt) / 1000;
    await sleep(trailMs);
    const after = await this.#use();
    const bytesAfter = await redisDataBytes(redis);
    const arrived = (await upstream.arrivalColumns()).t.length;
    if (arrived !== jobs) {
      throw new Error(`${this.contender.name}: ${arrived} requests arrived for ${jobs} jobs`);
    }
    const cpu = after.usages.map(({ cpuMs }, index) => (cpuMs - before.usages[index]!.cpuMs) / jobs);
    const peaks = after.usages.map(({ peakRssBytes }) => peakRssBytes);
    return {
      requestsPerSecond: jobs / seconds,
      producerCpuMs: cpu[0]!,
      workerCpuMs: cpu.slice(1).reduce((sum, ms) => sum + ms, 0),
      redisCpuMs: (after.redisMs - before.redisMs) / jobs,
      producerPeakRssBytes: peaks[0]!,
      workerPeakRssBytes: Math.max(0, ...peaks.slice(1)),
      redisGrowthBytes: bytesAfter - bytesBefore,
    };
  }

  async #use() {
    return {
      usages: await Promise.all([this.producer, ...this.workers].map((process) => process.usage())),
      redisMs: await redisCpuMs(this.#stage.redis),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.producer[Symbol.asyncDispose]();
  }
}
