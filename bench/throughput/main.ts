// What a request costs through Sluice, against less and against nothing in between. See `usage` in options.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { contenders } from './contender.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { profileText } from './profile.ts';
import { type Figures, runCase } from './run-case.ts';
import { type Stage, openStage } from './stage.ts';
import { summarize } from './summary.ts';
import { tableText } from './table.ts';
import { waitingBytes } from './waiting-memory.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));
const waitingJobs = 10_000;

async function compare(stage: Stage, options: BenchOptions): Promise<void> {
  const { jobs, warmUp } = options;
  const chosen = contenders.filter(({ name }) => options.only.includes(name));
  const cases = chosen.flatMap((contender) =>
    (contender.worker === undefined ? [0] : options.workers).map((workers) => ({ contender, workers })),
  );
  const waiting = new Map<string, number>();
  for (const contender of chosen) {
    if (contender.prefix === null) continue;
    waiting.set(contender.name, await waitingBytes(stage, contender, waitingJobs));
  }
  // In turn, round after round: what else the machine does meets all of them.
  const rounds: Figures[][] = [];
  for (let round = 0; round < options.rounds; round++) {
    const figures: Figures[] = [];
    for (const { contender, workers } of cases) {
      const run = await runCase(stage, { contender, workers, jobs, warmUp });
      console.error(
        `round ${round + 1}: ${contender.name}, ${workers} workers: ${run.requestsPerSecond.toFixed(0)} requests/s, ${run.cpuMsPerRequest.toFixed(3)} CPU ms each`,
      );
      figures.push(run);
    }
    rounds.push(figures);
  }
  const summaries = summarize(rounds);
  console.log(tableText(summaries, waiting));
  const file = `${results}throughput.json`;
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  const all = { machine, options, summaries, waitingBytes: Object.fromEntries(waiting), rounds };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  console.error(`written to ${file}`);
}

async function profile(stage: Stage, options: BenchOptions): Promise<void> {
  const { jobs, warmUp } = options;
  const contender = contenders.find(({ name }) => name === 'sluice')!;
  const files = { producer: `${results}producer.cpuprofile`, worker: `${results}worker.cpuprofile` };
  await runCase(
    stage,
    { contender, workers: 1, jobs, warmUp },
    {
      before: async ({ producer, pool }) => {
        for (const process of [producer, ...pool])
          await process.ask({ type: 'profile-start' }, 'profile-start');
      },
      after: async ({ producer, pool }) => {
        await producer.ask({ type: 'profile-stop', file: files.producer }, 'profile-stop');
        await pool[0]!.ask({ type: 'profile-stop', file: files.worker }, 'profile-stop');
      },
    },
  );
  console.log(profileText('producer', files.producer, jobs));
  console.log(profileText('worker', files.worker, jobs));
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(usage);
  } else {
    mkdirSync(results, { recursive: true });
    await using stage = await openStage(options);
    await (options.profile ? profile : compare)(stage, options);
  }
} catch (error) {
  console.error(error instanceof Error && !process.argv.includes('--debug') ? error.message : error);
  process.exitCode = 1;
}
