import { connect } from '../../packages/producer/src/index.ts';
import { formatDuration } from '../../packages/shared/src/index.ts';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import type { UpstreamLimit } from '../../test/lab/upstream/options.ts';
import { Fleet } from './fleet.ts';
import { type Measured, measure, savePlot } from './measure.ts';

export type Scenario = {
  name: string;
  /** Our rate. */
  limit: number;
  perMs: number;
  workers: number;
  jobs: number;
  /** What the upstream enforces; null: it only counts. */
  enforced: UpstreamLimit | null;
  /** Done to the fleet while there is a backlog. */
  disturb?: (fleet: Fleet) => Promise<void>;
  /** Before the rest, one lone job is enqueued, and then there is a pause of this many ms. */
  loneJobMs?: number;
};

export type Result = Measured & {
  scenario: Scenario;
  failed: number;
  /** Redis scripts called per job, by the server's own count: enqueue, take, permit, settle, finish and the idle polls. */
  redisCalls: number;
};

const concurrency = 50;

/** Scripts called by clients so far. (The server's count of commands includes those that scripts run.) */
async function scriptCalls(redis: { info(section: string): Promise<string> }): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}

/** Runs one scenario on fresh workers and a fresh queue. */
export async function runScenario(
  scenario: Scenario,
  redis: { url: string; info(section: string): Promise<string> },
): Promise<Result> {
  const { limit, perMs, workers, jobs } = scenario;
  const queue = `rate-${Date.now()}`;
  const upstream = await spawnUpstream({ bodyBytes: 100, limit: scenario.enforced });
  const rate = `${limit}/${formatDuration(perMs)}`;
  const sluice = await connect({
    redis: redis.url,
    queue,
    policy: { rate, origin: upstream.url, egress: { allow: ['127.0.0.0/8'] }, retry: { attempts: 20 } },
  });
  const fleet = new Fleet(redis.url, queue, concurrency);
  try {
    await fleet.start(workers);
    if (scenario.loneJobMs !== undefined) {
      await sluice.fetch(`${upstream.url}/item/0`);
      await new Promise((resolve) => setTimeout(resolve, scenario.loneJobMs));
    }
    const before = await scriptCalls(redis);
    const urls = Array.from({ length: jobs }, (_, index) => `${upstream.url}/item/${index}`);
    const disturbed = scenario.disturb?.(fleet);
    let failed = 0;
    for await (const { outcome } of sluice.stream(urls, { inFlight: 3000 }))
      if (outcome.kind !== 'response') failed += 1;
    await disturbed;
    const after = await scriptCalls(redis);
    const columns = await upstream.arrivalColumns();
    savePlot(`${scenario.name} ${workers} workers`, columns, limit, perMs);
    return { ...measure(columns, limit, perMs), scenario, failed, redisCalls: (after - before) / jobs };
  } finally {
    await fleet.stop();
    await sluice.queues.remove(queue);
    await sluice.close();
    await upstream.close();
  }
}
