import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../packages/cli/src/run/redis/private-redis.ts';
import { formatDuration } from '../../packages/shared/src/index.ts';
import { type Result, type Scenario, runScenario } from './scenario.ts';

const usage = `How exactly is the rate kept at the upstream, and how much of it is used?

  npm run bench -- rate [--only backlog|edge|disturbed|enforced] [--workers 1,4] [--rate 100/1000] [--quick]

Each row is one run: fresh workers, a fresh queue, an upstream in its own process that logs every arrival.
Plots are written to bench/results/rate. --quick: 1 and 4 workers, and the short rates only.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    workers: { type: 'string' },
    rate: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const rates: [limit: number, perMs: number][] = [
  [100, 1000],
  [20, 1000],
  [2, 1000],
  [1000, 1000],
  [1000, 10_000],
  [100, 10_000],
];
const fleets = values.workers?.split(',').map(Number) ?? (values.quick ? [1, 4] : [1, 2, 4, 8]);

/** Enough jobs for eight seconds, or for two and a half windows if those are longer. */
const backlog = (limit: number, perMs: number) =>
  Math.ceil((limit / perMs) * Math.max(8000, 2.5 * perMs)) + 1;

function* scenarios(): Generator<Scenario & { group: string }> {
  for (const [limit, perMs] of rates) {
    if (values.rate !== undefined && values.rate !== `${limit}/${perMs}`) continue;
    if (values.quick && perMs > 1000) continue;
    for (const workers of fleets) {
      const name = `${limit}/${formatDuration(perMs)} backlog`;
      yield { group: 'backlog', name, limit, perMs, workers, jobs: backlog(limit, perMs), enforced: null };
    }
  }
  const hundred = { limit: 100, perMs: 1000, workers: 4, jobs: 1000, enforced: null };
  yield { group: 'edge', name: 'lone job, then a backlog', ...hundred, loneJobMs: 900 };
  yield {
    group: 'disturbed',
    name: 'joins, leaves, killed, stopped',
    ...hundred,
    jobs: 2000,
    disturb: async (fleet) => {
      await sleep(2000);
      await fleet.start(1);
      await sleep(2000);
      await fleet.disturb(0, 'SIGTERM');
      await sleep(2000);
      await fleet.disturb(1, 'SIGSTOP', 1500);
      await sleep(2000);
      await fleet.disturb(2, 'SIGSTOP', 300);
    },
  };
  const enforced = { limit: 100, perMs: 1000, shape: 'sliding' as const };
  for (const workers of [1, 2, 4]) {
    const name = 'enforced 100/1s, ours the same';
    const limited = { ...enforced, retryAfter: 'seconds' as const };
    yield { group: 'enforced', name, limit: 100, perMs: 1000, workers, jobs: 2000, enforced: limited };
  }
  const twice = { group: 'enforced', limit: 200, perMs: 1000, workers: 2, jobs: 2000 };
  yield {
    ...twice,
    name: 'ours twice too high, Retry-After',
    enforced: { ...enforced, retryAfter: 'seconds' },
  };
  yield {
    ...twice,
    name: 'ours twice too high, no Retry-After',
    enforced: { ...enforced, retryAfter: 'none' },
  };
  yield {
    ...twice,
    name: 'ours twice too high, rejected ones count',
    enforced: { ...enforced, retryAfter: 'none', refusedCount: true },
  };
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

function row({ scenario, ...seen }: Result): string {
  const cells = [
    scenario.name.padEnd(40),
    `${scenario.workers}`.padStart(2),
    `${seen.worst}/${scenario.limit}`.padStart(9),
    `${seen.worstCold}`.padStart(5),
  ];
  if (scenario.enforced === null) cells.push(percent(seen.used).padStart(7), ''.padStart(16));
  else {
    const ideal = (scenario.jobs * scenario.enforced.perMs) / scenario.enforced.limit / 1000;
    cells.push(
      percent(seen.refused / seen.requests).padStart(7),
      `${(seen.seconds / ideal).toFixed(3)} x ideal`.padStart(16),
    );
  }
  cells.push(`${seen.failed}`.padStart(6), seen.redisCalls.toFixed(1).padStart(7));
  return cells.join('  ');
}

await using server = await startPrivateRedis();
const redis = new Redis(server.url);
console.log(
  'worst: most arrivals in any window of `per`; cold: the same in the first second; ideal: jobs / the limit enforced',
);
console.log(`${'scenario'.padEnd(40)}   w      worst   cold  used|rej'd      time/ideal  failed  calls/job`);
for (const { group, ...scenario } of scenarios()) {
  if (values.only !== undefined && values.only !== group) continue;
  const result = await runScenario(scenario, { url: server.url, info: (section) => redis.info(section) });
  console.log(row(result));
}
redis.disconnect();
