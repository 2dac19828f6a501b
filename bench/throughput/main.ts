// What a request costs through Sluice, through plain BullMQ, and through nothing at all. See `usage` in options.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Case } from './case.ts';
import { contenders } from './contender.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { inRounds, quietText } from '../method/rounds.ts';
import { runBench } from '../run-bench.ts';
import { profileText } from './profile.ts';
import { type Stage, openStage } from './stage.ts';
import { summarize, twin } from './summary.ts';
import { tableText } from './table.ts';
import { waitingBytes } from './waiting-memory.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));
const waitingJobs = 10_000;

async function compare(stage: Stage, options: BenchOptions): Promise<void> {
  const chosen = contenders.filter(({ name }) => options.only.includes(name));
  const waiting = new Map<string, number>();
  for (const contender of chosen) {
    if (contender.prefix === null) continue;
    waiting.set(contender.name, await waitingBytes(stage, contender, waitingJobs));
  }
  await stage.redis.flushall();
  await using stack = new AsyncDisposableStack();
  const opened: Case[] = [];
  for (const contender of chosen) {
    for (const workers of contender.worker === undefined ? [0] : options.workers) {
      opened.push(stack.use(await Case.open(stage, contender, workers)));
    }
  }
  const twinOf = chosen.find(({ name }) => name === 'sluice');
  if (twinOf !== undefined) {
    for (const workers of options.workers)
      opened.push(stack.use(await Case.open(stage, twinOf, workers, { name: twin })));
  }
  const measured = await inRounds(opened, {
    rounds: options.rounds,
    warmUp: (one) => one.round(options.warmUp),
    run: (one) => one.round(Math.ceil(options.jobs / options.rounds)),
    say: (text) => console.error(text),
  });
  const all = measured.cases.map(({ of, ...figures }) => ({
    contender: of.name,
    workers: of.workers.length,
    ...figures,
  }));
  const summaries = summarize(all);
  console.log(tableText(summaries, waiting));
  console.log(`\n${quietText(measured)}`);
  const file = `${results}throughput.json`;
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  const { repeated, disturbed, foreign } = measured;
  const json = {
    machine,
    options,
    repeated,
    disturbed,
    foreign,
    summaries,
    waitingBytes: Object.fromEntries(waiting),
    cases: all,
  };
  writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);
  console.error(`written to ${file}`);
}

async function profile(stage: Stage, options: BenchOptions): Promise<void> {
  const contender = contenders.find(({ name }) => name === options.profile)!;
  await using opened = await Case.open(stage, contender, 1);
  await opened.round(options.warmUp);
  const processes = [opened.producer, ...opened.workers];
  for (const process of processes) await process.ask({ type: 'profile-start' }, 'profile-start');
  await opened.round(options.jobs);
  for (const [index, process] of processes.entries()) {
    const role = index === 0 ? 'producer' : 'worker';
    const file = `${results}${contender.name}-${role}.cpuprofile`;
    await process.ask({ type: 'profile-stop', file }, 'profile-stop');
    console.log(profileText(`${contender.name}, ${role}`, file, options.jobs));
  }
}

await runBench(readOptions, usage, async (options) => {
  mkdirSync(results, { recursive: true });
  await using stage = await openStage(options);
  await (options.profile === null ? compare : profile)(stage, options);
});
