// What a request costs with more workers, and with more queues. See `usage` in options.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { median, spreadOf, spreadText } from '../method/ratio.ts';
import { inRounds, quietText } from '../method/rounds.ts';
import { runBench } from '../run-bench.ts';
import { Case, type Figures } from '../throughput/case.ts';
import { contenders } from '../throughput/contender.ts';
import { openStage } from '../throughput/stage.ts';
import { type CostOptions, readOptions, usage } from './options.ts';
import { plotCost } from './plot.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));
const sluice = contenders.find(({ name }) => name === 'sluice')!;

type Point = { workers: number; queues: number };

type Row = Point & { producer: number; workersCpu: number; redis: number; requestsPerSecond: number };

/** With one queue more workers, then with one worker more queues. The first is what the others are compared with. */
function pointsOf({ workers, queues }: CostOptions): Point[] {
  const all = [
    ...workers.map((n) => ({ workers: n, queues: 1 })),
    ...queues.map((n) => ({ workers: 1, queues: n })),
  ];
  return all.filter((one, n) => all.findIndex((other) => label(other) === label(one)) === n);
}

const label = ({ workers, queues }: Point) =>
  `${workers} ${workers === 1 ? 'worker' : 'workers'}, ${queues} ${queues === 1 ? 'queue' : 'queues'}`;

const cpuOf = (figures: Figures) => figures.producerCpuMs + figures.workerCpuMs + figures.redisCpuMs;

function rowOf(point: Point, rounds: readonly Figures[]): Row {
  const of = (value: (figures: Figures) => number) => median(rounds.map(value));
  return {
    ...point,
    producer: of((figures) => figures.producerCpuMs),
    workersCpu: of((figures) => figures.workerCpuMs),
    redis: of((figures) => figures.redisCpuMs),
    requestsPerSecond: of((figures) => figures.requestsPerSecond),
  };
}

async function bench(options: CostOptions): Promise<void> {
  const points = pointsOf(options);
  await using stack = new AsyncDisposableStack();
  const cases = new Map<Case, Point>();
  for (const point of points) {
    // A Redis of its own for each: a case's workers would serve the queues of the others, too.
    const stage = stack.use(await openStage({ concurrency: 50, inFlight: 1000 }));
    cases.set(stack.use(await Case.open(stage, sluice, point.workers, { queues: point.queues })), point);
  }
  const measured = await inRounds([...cases.keys()], {
    rounds: options.rounds,
    warmUp: (one) => one.round(options.warmUp),
    run: (one) => one.round(Math.ceil(options.jobs / options.rounds)),
    say: (text) => console.error(text),
  });
  const rows = measured.cases.map(({ of, rounds }) => rowOf(cases.get(of)!, rounds));
  const first = measured.cases[0]!.rounds;
  const lines = [
    'CPU of a request, ms                producer  workers    Redis  requests/s  x the first, with 95 % interval',
  ];
  for (const [n, row] of rows.entries()) {
    const { rounds } = measured.cases[n]!;
    const ratio = spreadOf(rounds.map((figures, round) => cpuOf(figures) / cpuOf(first[round]!)));
    const ms = [row.producer, row.workersCpu, row.redis]
      .map((value) => value.toFixed(3).padStart(8))
      .join(' ');
    const rate = row.requestsPerSecond.toFixed(0).padStart(11);
    lines.push(`  ${label(row).padEnd(34)}${ms} ${rate}  ${n === 0 ? '-' : spreadText(ratio)}`);
  }
  console.log([...lines, '', quietText(measured)].join('\n'));
  mkdirSync(results, { recursive: true });
  const bars = rows.map((row) => ({ label: label(row), ...row, workers: row.workersCpu }));
  writeFileSync(`${results}cost.svg`, plotCost('CPU of one request through Sluice', bars));
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  writeFileSync(`${results}cost.json`, `${JSON.stringify({ machine, options, rows, measured }, null, 2)}\n`);
  console.error(`written to ${results}cost.json and cost.svg`);
}

await runBench(readOptions, usage, bench);
