// What queues without a job cost their workers and Redis. See `usage` in options.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@sluice/producer';
import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../packages/cli/src/run/redis/private-redis.ts';
import { runBench } from '../run-bench.ts';
import { MeasuredProcess } from '../throughput/measured-process.ts';
import { field, redisCpuMs } from '../throughput/redis-use.ts';
import { type IdleOptions, readOptions, usage } from './options.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));

/** What a worker does once, ms: it connects to every queue, and its code gets hot. */
const settlingMs = 8000;

/** What one case used while it was measured. */
type Row = {
  queues: number;
  workers: number;
  /** CPU of each worker in the order of their starts, share of a core. */
  workerShares: number[];
  redisShare: number;
  commandsPerSecond: number;
  connections: number;
  rssBytes: number[];
};

/** Commands that Redis was sent, without those that scripts ran. */
async function commandsSent(redis: Redis): Promise<number> {
  return field(await redis.info('stats'), 'total_commands_processed');
}

async function measure(queues: number, workers: number, seconds: number): Promise<Row> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startPrivateRedis());
  const redis = new Redis(server.url);
  stack.defer(() => redis.disconnect());
  const client = stack.use(await connect({ redis: server.url }));
  for (let n = 0; n < queues; n++) await client.policies.set(`queue-${n}`, { rate: '100/s' });
  const pool: MeasuredProcess[] = [];
  for (let n = 0; n < workers; n++) {
    const worker = new MeasuredProcess(import.meta.resolve('@sluice/worker/main'), '', {
      SLUICE_REDIS_URL: server.url,
      SLUICE_HEALTH_PORT: '0',
      SLUICE_LOG_LEVEL: 'warn',
    });
    await stack.use(worker).message('started');
    pool.push(worker);
  }
  await sleep(settlingMs);
  const look = async () => ({
    at: performance.now(),
    usages: await Promise.all(pool.map((worker) => worker.usage())),
    redisMs: await redisCpuMs(redis),
    commands: await commandsSent(redis),
  });
  const before = await look();
  await sleep(seconds * 1000);
  const after = await look();
  const ms = after.at - before.at;
  const memories = await Promise.all(pool.map((worker) => worker.memory(false)));
  return {
    queues,
    workers,
    workerShares: after.usages.map(({ cpuMs }, n) => (cpuMs - before.usages[n]!.cpuMs) / ms),
    redisShare: (after.redisMs - before.redisMs) / ms,
    commandsPerSecond: ((after.commands - before.commands) * 1000) / ms,
    connections: field(await redis.info('clients'), 'connected_clients'),
    rssBytes: memories.map(({ rss }) => rss),
  };
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

function textOf(rows: readonly Row[]): string {
  const lines = ['queues  workers   Redis  commands/s  connections  each worker (CPU, memory)'];
  for (const row of rows) {
    const each = row.workerShares.map(
      (share, n) => `${percent(share)} ${(row.rssBytes[n]! / 1e6).toFixed(0)} MB`,
    );
    lines.push(
      [
        String(row.queues).padStart(6),
        String(row.workers).padStart(8),
        percent(row.redisShare).padStart(8),
        row.commandsPerSecond.toFixed(0).padStart(11),
        String(row.connections).padStart(12),
        ` ${each.join(', ')}`,
      ].join(' '),
    );
  }
  lines.push('', 'CPU as a share of one core.');
  return lines.join('\n');
}

async function bench(options: IdleOptions): Promise<void> {
  const rows: Row[] = [];
  for (const queues of options.queues) {
    for (const workers of options.workers) {
      console.error(`${queues} queues, ${workers} workers`);
      rows.push(await measure(queues, workers, options.seconds));
    }
  }
  console.log(textOf(rows));
  mkdirSync(results, { recursive: true });
  const file = `${results}idle.json`;
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  writeFileSync(file, `${JSON.stringify({ machine, options, rows }, null, 2)}\n`);
  console.error(`written to ${file}`);
}

await runBench(readOptions, usage, bench);
