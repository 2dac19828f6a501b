import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { type Keys, keysOf } from '../../packages/shared/src/index.ts';
import { type Sluice, connect } from '../../packages/producer/src/index.ts';
import { type Program, startProgram } from '../lab/processes.ts';
import { type Performed, performHere } from './perform-here.ts';

export { until } from '../lab/until.ts';

/** Worker processes, a producer and the command line on one prefix of the run's Redis; `await using` ends it all. */
export type Fleet = AsyncDisposable & {
  prefix: string;
  keys: Keys;
  redis: Redis;
  client: Sluice;
  workers: Program[];
  /** Runs `sluice …` on this fleet to its end, in this process: a start of its own takes longer than most commands. */
  cli(args: string[], input?: string): Promise<Performed>;
  /** The same, and what it printed; throws what it said when it did not end with 0. */
  ok(args: string[], input?: string): Promise<string>;
  /** @param own variables of this worker alone */
  startWorker(own?: Record<string, string>): Promise<Program>;
};

/**
 * @param workers worker processes to start
 * @param extra variables of the workers, on top of those for the test
 */
export async function openFleet(workers: number, extra: Record<string, string> = {}): Promise<Fleet> {
  const url = inject('redisUrl');
  const prefix = `{t-${randomUUID()}}`;
  const redis = new Redis(url);
  const client = await connect({ redis: url, prefix });
  const env = { SLUICE_REDIS_URL: url, SLUICE_PREFIX: prefix };
  const fleet: Fleet = {
    prefix,
    keys: keysOf(prefix),
    redis,
    client,
    workers: [],
    cli: (args, input = '') => performHere(args, env, input),
    async ok(args, input) {
      const { code, stdout, stderr } = await fleet.cli(args, input);
      if (code !== 0) throw new Error(`sluice ${args.join(' ')}: exit code ${code}\n${stderr}`);
      return stdout;
    },
    async startWorker(own = {}) {
      const worker = startProgram('packages/worker/src/main.ts', [], {
        env: {
          ...env,
          SLUICE_HEALTH_PORT: '0',
          SLUICE_LOG_LEVEL: 'warn',
          SLUICE_CONCURRENCY: '50',
          ...extra,
          ...own,
        },
        ipc: true,
        patience: 60_000,
      });
      fleet.workers.push(worker);
      await worker.message((message): message is object => typeof message === 'object');
      return worker;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(fleet.workers.map((worker) => worker.kill()));
      await client.close();
      for await (const names of redis.scanStream({ match: `${prefix}*`, count: 1000 }) as AsyncIterable<
        string[]
      >) {
        if (names.length > 0) await redis.unlink(...names);
      }
      redis.disconnect();
    },
  };
  await Promise.all(Array.from({ length: workers }, () => fleet.startWorker()));
  return fleet;
}

/** The locks of the queue's active jobs run out now instead of later, and so does the duty to sweep. */
export async function unlock({ redis, keys }: Fleet, queue: string): Promise<void> {
  const bull = keys.bull(queue);
  const ids = await redis.lrange(bull.active, 0, -1);
  if (ids.length > 0) await redis.unlink(ids.map((id) => bull.lock(id)));
  await redis.hdel(keys.sweeper, 'worker');
}

/** Kills the only worker that has jobs of the queue; their locks run out now instead of later. */
export async function killAndUnlock(fleet: Fleet, queue: string, worker: Program): Promise<void> {
  await worker.kill();
  await unlock(fleet, queue);
}

/** Reads to the end; tells how many there were. */
export async function drained(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _item of items) count += 1;
  return count;
}
