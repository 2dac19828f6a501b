import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../packages/cli/src/run/redis/private-redis.ts';
import { defaultPrefix, formatDuration, keysOf } from '../../packages/shared/src/index.ts';
import { here } from './fleet.ts';
import { type Load, loadTexts, loads } from './loads.ts';
import { type Result, type Scenario, runScenario } from './scenario.ts';

const usage = `How exactly is the rate kept at the upstream, and how much of it is used?

  npm run bench -- rate [--only backlog|burst|edge|disturbed|enforced] [--workers 2,4] [--rate 100/1000]
                        [--load quiet,busy,stalled,stopped] [--against DIR] [--quick]

Each row is one run: fresh workers, a fresh queue, an upstream in its own process that logs every arrival. The machine is
loaded on purpose:
${loads.map((load) => `  ${load.padEnd(8)} ${loadTexts[load]}`).join('\n')}

--against DIR: each run is made with the code of another checkout, too, first one, then the other.
--quick: 10 minutes. Plots are written to bench/results/rate.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    workers: { type: 'string' },
    rate: { type: 'string' },
    load: { type: 'string' },
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const rates: [limit: number, perMs: number, loads: readonly Load[]][] = [
  [20, 1000, loads],
  [100, 1000, loads],
  [200, 2000, loads],
  [1000, 1000, loads],
  [100, 10_000, ['quiet', 'stalled']],
  [100, 60_000, ['quiet']],
];
const fleets = values.workers?.split(',').map(Number) ?? (values.quick ? [2] : [2, 4]);
const chosen = (values.load?.split(',') ?? loads) as readonly Load[];

/** Enough jobs for eight seconds, or for three and a half windows. */
const backlog = (limit: number, perMs: number) =>
  Math.ceil((limit / perMs) * Math.max(8000, 3.5 * perMs)) + 1;

function* scenarios(): Generator<Scenario & { group: string }> {
  for (const [limit, perMs, some] of rates) {
    if (values.rate !== undefined && values.rate !== `${limit}/${perMs}`) continue;
    if (values.quick && perMs > 2000) continue;
    for (const workers of fleets) {
      for (const load of some.filter((one) => chosen.includes(one))) {
        const name = `${limit}/${formatDuration(perMs)} backlog`;
        const run = { limit, perMs, workers, load, jobs: backlog(limit, perMs), enforced: null };
        yield { group: 'backlog', name, burst: 1, ...run };
      }
    }
  }
  const hundred = { limit: 100, perMs: 1000, workers: 4, jobs: 1000, enforced: null, load: 'quiet' as const };
  yield {
    group: 'burst',
    name: 'a burst, then a backlog of five times',
    ...hundred,
    jobs: 600,
    burstFirst: true,
    loneJobMs: 300,
  };
  yield { group: 'edge', name: 'lone job, then a backlog', ...hundred, burst: 1, loneJobMs: 900 };
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
  for (const workers of [2, 4]) {
    const name = 'enforced 100/1s, ours the same';
    const limited = { ...enforced, retryAfter: 'seconds' as const };
    yield { group: 'enforced', name, ...hundred, workers, jobs: 2000, enforced: limited };
  }
  const twice = { ...hundred, group: 'enforced', limit: 200, workers: 2, jobs: 2000 };
  for (const burst of [1, 200]) {
    const note = burst === 1 ? '' : ', burst';
    yield {
      ...twice,
      burst,
      name: `ours twice too high${note}, Retry-After`,
      enforced: { ...enforced, retryAfter: 'seconds' },
    };
    yield {
      ...twice,
      burst,
      name: `ours twice too high${note}, no Retry-After`,
      enforced: { ...enforced, retryAfter: 'none' },
    };
  }
  yield {
    ...twice,
    burst: 1,
    name: 'ours twice too high, rejected count too',
    enforced: { ...enforced, retryAfter: 'none', refusedCount: true },
  };
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

function row({ scenario, ...seen }: Result, code: string): string {
  const cells = [
    scenario.name.padEnd(42),
    `${scenario.workers}`.padStart(2),
    scenario.load.padEnd(8),
    code.padEnd(7),
    `${seen.worst}/${scenario.limit}`.padStart(9),
  ];
  if (scenario.burstFirst === true)
    cells.push(percent(seen.used).padStart(7), `silent ${Math.round(seen.silenceMs)} ms`.padStart(13));
  else if (scenario.enforced === null)
    cells.push(percent(seen.used).padStart(7), seen.evenness.toFixed(2).padStart(13));
  else {
    const ideal = (scenario.jobs * scenario.enforced.perMs) / scenario.enforced.limit / 1000;
    cells.push(
      percent(seen.refused / seen.requests).padStart(7),
      `${(seen.seconds / ideal).toFixed(3)} x ideal`.padStart(13),
    );
  }
  cells.push(
    `${seen.failed}`.padStart(6),
    seen.stale.toFixed(2).padStart(5),
    seen.redisCalls.toFixed(1).padStart(7),
    seen.redisCpuMs.toFixed(2).padStart(6),
  );
  return cells.join('  ');
}

await using server = await startPrivateRedis();
const redis = new Redis(server.url);
console.log(`worst: most arrivals in any window of \`per\`. used: share of the limit, in whole windows after the first; the
most that can be is per / (per + slack). even: the most in a tenth of \`per\` over its share. ideal: jobs / the limit enforced.
calls, cpu: script calls and Redis' CPU ms per job.
`);
console.log(
  `${'scenario'.padEnd(42)}   w  load      code         worst  used|rej  even|x ideal  failed  stale    calls    cpu`,
);
const codes: [name: string, root: string][] = [['this', here]];
if (values.against !== undefined) codes.unshift(['before', resolve(values.against)]);
for (const { group, ...scenario } of scenarios()) {
  if (values.only !== undefined && values.only !== group) continue;
  for (const [name, root] of codes) {
    // A burst is not known to all versions.
    const { burst: _, ...older } = scenario;
    const result = await runScenario(root, name === 'this' ? scenario : older, {
      url: server.url,
      info: (section) => redis.info(section),
      stats: (queue) => redis.hgetall(keysOf(defaultPrefix).stats(queue)),
    });
    console.log(row(result, name));
  }
}
redis.disconnect();
