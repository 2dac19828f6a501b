import { parseArgs } from 'node:util';
import { startPrivateRedis } from '../../packages/cli/src/run/redis/private-redis.ts';
import { formatDuration } from '../../packages/shared/src/index.ts';
import { runBench } from '../run-bench.ts';
import type { Measured } from '../rate/measure.ts';
import { runContest } from './contest.ts';

const usage = `One rate, two processes: how well do Sluice and other libraries keep it, and how much of it do they use?

  npm run bench -- comparison [--rate 50/1000] [--windows 12] [--only sluice,bullmq,bottleneck,p-queue]

Each contender has the same list of URLs, three quarters of it in one process, one quarter in the other. The upstream
enforces the rate in a sliding window, rejects what is more with 429, and counts. Prints the table of the README.`;

const contenders: [file: string, name: string][] = [
  ['sluice', 'Sluice'],
  ['bullmq', 'BullMQ, `limiter` of its workers'],
  ['bottleneck', 'Bottleneck, clustered over Redis'],
  ['p-queue', 'p-queue, half of the rate in each process'],
];

type Options = { limit: number; perMs: number; windows: number; only: string[] };

function readOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      rate: { type: 'string', default: '50/1000' },
      windows: { type: 'string', default: '12' },
      only: { type: 'string' },
      debug: { type: 'boolean' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const [limit, perMs] = values.rate.split('/').map(Number);
  const windows = Number(values.windows);
  const only = values.only?.split(',') ?? contenders.map(([file]) => file);
  const isWhole = (value: number | undefined, min: number) => Number.isInteger(value) && value! >= min;
  if (!isWhole(limit, 2) || !isWhole(perMs, 250)) throw new Error(`--rate: "${values.rate}" is not LIMIT/MS`);
  if (!isWhole(windows, 3)) throw new Error(`--windows: "${values.windows}" is not a whole number from 3`);
  for (const name of only)
    if (!contenders.some(([file]) => file === name)) throw new Error(`--only: there is no "${name}"`);
  return { limit: limit!, perMs: perMs!, windows, only };
}

/** A row of the README's table. Pure. */
function row(name: string, { worst, used, refused, requests }: Measured, limit: number): string {
  const rejected = `${refused} of ${requests}`;
  return `| ${name} | ${worst} / ${limit} | ${(used * 100).toFixed(0)} % | ${rejected} |`;
}

await runBench(readOptions, usage, async ({ limit, perMs, windows, only }) => {
  await using redis = await startPrivateRedis();
  console.log(`Two processes, ${limit} requests per ${formatDuration(perMs)}, ${limit * windows} URLs.\n`);
  console.log('| | most in any window / limit | of the rate used | rejected with 429 |');
  console.log('| --- | --- | --- | --- |');
  for (const [contender, name] of contenders) {
    if (!only.includes(contender)) continue;
    const jobs = limit * windows;
    const seen = await runContest({ contender, limit, perMs, jobs, redisUrl: redis.url });
    console.log(row(name, seen, limit));
  }
});
