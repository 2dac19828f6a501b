import { join } from 'node:path';
import type * as Producer from '../../packages/producer/src/index.ts';
import { formatDuration } from '../../packages/shared/src/index.ts';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import type { UpstreamLimit } from '../../test/lab/upstream/options.ts';
import { Fleet } from './fleet.ts';
import { type Load, startLoad } from './loads.ts';
import { type Measured, measure, savePlot } from './measure.ts';

export type Scenario = {
  name: string;
  /** Our rate. */
  limit: number;
  perMs: number;
  /** Starts that idle time may earn; absent: the default. */
  burst?: number;
  workers: number;
  jobs: number;
  load: Load;
  /** What the upstream enforces; null: it only counts. */
  enforced: UpstreamLimit | null;
  /** Done to the fleet while the backlog stands. */
  disturb?: (fleet: Fleet) => Promise<void>;
  /** The backlog comes upon an idle queue: a burst, a silence, and what is measured. Else: from the second window on. */
  burstFirst?: boolean;
  /** Enqueued before the rest: a lone job, then a pause of so many ms. */
  loneJobMs?: number;
};

export type Result = Measured & {
  scenario: Scenario;
  failed: number;
  /** Redis scripts called per job, by the server's own count: enqueue, take, permit, settle, finish and the idle polls. */
  redisCalls: number;
  /** Permits that were too old to be used, per request; NaN where they are not counted. */
  stale: number;
  /** CPU of Redis per job, ms. */
  redisCpuMs: number;
};

/** A Redis, as its own `INFO` says. */
type Info = (section: string) => Promise<string>;

const concurrency = 50;

/** Scripts called by clients so far. (The server's count of commands includes those that scripts run.) */
async function scriptCalls(info: Info): Promise<number> {
  const stats = await info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}

async function cpuMs(info: Info): Promise<number> {
  const text = await info('cpu');
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1] ?? 0);
  return 1000 * (of('used_cpu_sys') + of('used_cpu_user'));
}

/**
 * Runs one scenario on fresh workers and a fresh queue.
 * @param root the checkout whose code is measured
 */
export async function runScenario(
  root: string,
  scenario: Scenario,
  redis: { url: string; info: Info; stats(queue: string): Promise<Record<string, string>> },
): Promise<Result> {
  const { limit, perMs, workers, jobs, burst } = scenario;
  const queue = `rate-${Date.now()}`;
  const upstream = await spawnUpstream({ bodyBytes: 100, limit: scenario.enforced });
  const { connect } = (await import(join(root, 'packages/producer/src/index.ts'))) as typeof Producer;
  const rate = { limit, per: formatDuration(perMs), ...(burst !== undefined && { burst }) };
  const sluice = await connect({
    redis: redis.url,
    queue,
    policy: { rate, origin: upstream.url, egress: { allow: ['127.0.0.0/8'] }, retry: { attempts: 20 } },
  });
  const fleet = new Fleet(root, redis.url, queue, concurrency);
  try {
    await fleet.start(workers);
    if (scenario.loneJobMs !== undefined) {
      await sluice.fetch(`${upstream.url}/item/0`);
      await new Promise((resolve) => setTimeout(resolve, scenario.loneJobMs));
    }
    const before = { calls: await scriptCalls(redis.info), cpu: await cpuMs(redis.info) };
    using _ = startLoad(scenario.load, fleet);
    const urls = Array.from({ length: jobs }, (_, index) => `${upstream.url}/item/${index}`);
    const disturbed = scenario.disturb?.(fleet);
    let failed = 0;
    for await (const { outcome } of sluice.stream(urls, { inFlight: 3000 }))
      if (outcome.kind !== 'response') failed += 1;
    await disturbed;
    const calls = (await scriptCalls(redis.info)) - before.calls;
    const cpu = (await cpuMs(redis.info)) - before.cpu;
    const columns = await upstream.arrivalColumns();
    savePlot(`${scenario.name} ${workers} workers ${scenario.load}`, columns, limit, perMs);
    const stats = await redis.stats(queue);
    return {
      ...measure(columns, limit, perMs, scenario.burstFirst),
      stale: Number(stats['stale'] ?? 0) / columns.t.length,
      scenario,
      failed,
      redisCalls: calls / jobs,
      redisCpuMs: cpu / jobs,
    };
  } finally {
    await fleet.stop();
    await sluice.queues.remove(queue);
    await sluice.close();
    await upstream.close();
  }
}
