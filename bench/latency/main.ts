// What the way through Redis and a worker adds to one request: sluice.fetch against undici. See `usage` in options.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { inParallel } from '../throughput/contenders/serve.ts';
import { urls } from '../throughput/contenders/task.ts';
import { type Stage, openStage } from '../throughput/stage.ts';
import { type LatencyOptions, readOptions, usage } from './options.ts';
import { runBench } from '../run-bench.ts';
import { type Way, bareWay, sluiceWay } from './ways.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));

/** At 1 in flight, p50 of sluice.fetch may be this much above undici's, ms. */
const aimMs = 3;

type Row = {
  inFlight: number;
  way: string;
  /** Over the requests of all rounds, ms. */
  p50: number;
  p99: number;
  /** The lowest p50 of any round: the value when the machine has nothing else to do. */
  bestP50: number;
  requests: number;
};

/** Makes `count` requests, `inFlight` at a time. @returns how long each took, ms */
async function timesOf(way: Way, upstreamUrl: string, count: number, inFlight: number): Promise<number[]> {
  const times: number[] = [];
  await inParallel(urls(upstreamUrl, count), inFlight, async (url) => {
    const start = performance.now();
    await way.get(url);
    times.push(performance.now() - start);
  });
  return times;
}

function quantile(times: readonly number[], share: number): number {
  const sorted = Float64Array.from(times).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function rowOf(inFlight: number, way: string, rounds: readonly number[][]): Row {
  const all = rounds.flat();
  const bestP50 = Math.min(...rounds.map((times) => quantile(times, 0.5)));
  return { inFlight, way, p50: quantile(all, 0.5), p99: quantile(all, 0.99), bestP50, requests: all.length };
}

/** Both ways in turn, in short rounds, so that other load on the machine affects them alike. */
async function measure(stage: Stage, ways: Way[], inFlight: number, options: LatencyOptions): Promise<Row[]> {
  const { upstreamUrl } = stage.setting;
  const count = inFlight === 1 ? options.requests : options.requests * 10;
  const rounds = new Map(ways.map((way) => [way.name, [] as number[][]]));
  for (const way of ways) await timesOf(way, upstreamUrl, count, inFlight); // warm
  for (let round = 1; round <= options.rounds; round++) {
    console.error(`${inFlight} in flight, round ${round} of ${options.rounds}`);
    for (const way of ways) {
      rounds.get(way.name)!.push(await timesOf(way, upstreamUrl, count, inFlight));
    }
  }
  return ways.map(({ name }) => rowOf(inFlight, name, rounds.get(name)!));
}

const ms = (value: number) => value.toFixed(2).padStart(9);

function textOf(rows: readonly Row[]): string {
  const lines = ['in flight  way            p50 ms    p99 ms  best p50  requests'];
  for (const { inFlight, way, p50, p99, bestP50, requests } of rows) {
    const figures = [p50, p99, bestP50].map(ms).join(' ');
    lines.push(
      `${String(inFlight).padStart(9)}  ${way.padEnd(12)}${figures} ${String(requests).padStart(9)}`,
    );
  }
  lines.push('');
  for (const sluice of rows.filter(({ way }) => way === 'sluice.fetch')) {
    const bare = rows.find(({ way, inFlight }) => way === 'undici' && inFlight === sluice.inFlight)!;
    const of = (name: 'p50' | 'p99' | 'bestP50') =>
      `+${(sluice[name] - bare[name]).toFixed(2)} ms (x ${(sluice[name] / bare[name]).toFixed(1)})`;
    const added = sluice.p50 - bare.p50;
    const verdict =
      sluice.inFlight === 1 ? `; aim: p50 <= +${aimMs} ms, ${added <= aimMs ? 'met' : 'missed'}` : '';
    lines.push(
      `at ${sluice.inFlight} in flight sluice.fetch adds p50 ${of('p50')}, p99 ${of('p99')}, best p50 ${of('bestP50')}${verdict}`,
    );
  }
  const [load = 0] = loadavg();
  if (load > cpus().length) {
    lines.push(
      `load average ${load.toFixed(1)} on ${cpus().length} CPUs: the p50 and p99 include waiting for one`,
    );
  }
  return lines.join('\n');
}

async function bench(options: LatencyOptions): Promise<void> {
  const most = Math.max(...options.inFlight);
  await using stack = new AsyncDisposableStack();
  const stage = stack.use(await openStage({ concurrency: most, inFlight: most }));
  const ways = [
    stack.use(bareWay(most)),
    stack.use(await sluiceWay({ ...stage.setting, queue: 'latency' }, options.workers)),
  ];
  const rows: Row[] = [];
  for (const inFlight of options.inFlight) rows.push(...(await measure(stage, ways, inFlight, options)));
  console.log(textOf(rows));
  mkdirSync(results, { recursive: true });
  const file = `${results}latency.json`;
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  writeFileSync(file, `${JSON.stringify({ machine, options, rows }, null, 2)}\n`);
  console.error(`written to ${file}`);
}

await runBench(readOptions, usage, bench);
