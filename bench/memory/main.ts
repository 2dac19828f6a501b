// Does the memory of Redis and of the processes stay flat, however many jobs run? A producer runs a mix of jobs
// (mix.ts): most succeed, each of the others leaves something else behind. What is kept after a tenth of the jobs is
// compared with what is kept after all of them. Both are taken at rest: nothing is in flight, and what is kept for
// seconds is gone. So little is left then that one byte per job shows. Memory under load is reported, too; it depends on
// the jobs per second.
//
// The run must reach a steady state before the first point, or filling up would look like growth. So what is kept for a
// day or a week by default is kept for seconds here (dedupTtlMs, keepMs). Failed jobs have a limit that is reached at
// about half of the first point: from then on each new one pushes one out. At the defaults the same happens with larger
// numbers. What nobody reads expires after SLUICE_REPLY_TTL, here one minute, the minimum.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { connect } from '@sluice/producer';
import { interruptSignal } from '../../packages/cli/src/interrupt.ts';
import { MeasuredProcess } from '../throughput/measured-process.ts';
import { type Stage, openStage } from '../throughput/stage.ts';
import { type MemoryOptions, readOptions, usage } from './options.ts';
import { runBench } from '../run-bench.ts';
import { groupsText, linesText, remarksOf, tableText, verdictsOf, verdictsText } from './report.ts';
import { type Sample, type Watched, takeSample } from './sample.ts';

const results = fileURLToPath(new URL('../results/', import.meta.url));

const queue = 'memory';

/** The run has this many parts; a sample is taken after each. */
const steps = 50;

/** How many of the steps lead to the first point. */
const firstSteps = 5;

/** About 7 of 100 jobs fail, so the dead letters are full at about a third of the first point. */
const keptFailed = (jobs: number) => Math.ceil(jobs / 500);

async function openProcesses(stack: AsyncDisposableStack, stage: Stage, options: MemoryOptions) {
  const { redisUrl } = stage.setting;
  const sluice = await connect({
    redis: redisUrl,
    queue,
    policy: {
      // Paced, so that permits are asked for, but too fast to slow anything.
      rate: { limit: 10_000, per: 1000, adaptive: false },
      egress: { allow: ['127.0.0.0/8'] },
      retry: { base: 10 },
      keepFailed: { count: keptFailed(options.jobs) },
    },
  });
  await sluice.close();
  const setting = JSON.stringify({ ...stage.setting, queue });
  const producer = stack.use(new MeasuredProcess(import.meta.resolve('./producer.ts'), setting));
  await producer.message('started');
  const watched = [{ name: 'producer', process: producer }];
  for (let n = 1; n <= options.workers; n++) {
    const worker = new MeasuredProcess(import.meta.resolve('@sluice/worker/main'), '', {
      SLUICE_REDIS_URL: redisUrl,
      SLUICE_CONCURRENCY: String(options.concurrency),
      SLUICE_HEALTH_PORT: '0',
      SLUICE_LOG_LEVEL: 'warn',
      SLUICE_REPLY_TTL: '1m',
    });
    watched.push({ name: `worker ${n}`, process: stack.use(worker) });
    await worker.message('started');
  }
  return { producer, watched };
}

async function measure(
  stage: Stage,
  { producer, watched }: { producer: MeasuredProcess; watched: Watched },
  jobs: number,
  note: (sample: Sample) => void,
): Promise<void> {
  const startedAt = performance.now();
  const sample = async (atRest: boolean, made: number) =>
    note(await takeSample(stage.redis, watched, { jobs: made, atRest, startedAt }));
  let made = 0;
  for (let step = 1; step <= steps; step++) {
    const goal = Math.round((jobs * step) / steps);
    // Jobs that were under way when the producer came to rest have been counted, too.
    if (made < goal) {
      made = (await producer.ask({ type: 'run', jobs: goal }, 'ran')).jobs!;
      await sample(false, made);
    }
    if (step === firstSteps || step === steps) {
      made = (await producer.ask({ type: 'rest', jobs: 0 }, 'rests')).jobs!;
      await sample(true, made);
      // Its log of arrivals grows, and we do not measure that.
      await stage.upstream.reset();
    }
  }
}

function report(options: MemoryOptions, samples: readonly Sample[]): boolean {
  const verdicts = verdictsOf(samples);
  const remarks = remarksOf(samples);
  const parts = [
    tableText(samples),
    linesText(samples),
    groupsText(samples),
    verdictsText(verdicts, remarks),
  ];
  console.log(parts.filter((text) => text !== '').join('\n\n'));
  // Interrupted before there was anything to compare: the results of an earlier run stay.
  if (verdicts.length === 0) return false;
  mkdirSync(results, { recursive: true });
  const file = `${results}memory.json`;
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
  writeFileSync(file, `${JSON.stringify({ machine, options, verdicts, remarks, samples }, null, 2)}\n`);
  console.error(`written to ${file}`);
  return verdicts.every(({ met }) => met);
}

async function bench(options: MemoryOptions): Promise<void> {
  const interrupt = interruptSignal(process, () => console.error('stopping; Ctrl-C again stops at once'));
  const interrupted = new Promise<void>((resolve) => {
    interrupt.addEventListener('abort', () => resolve(), { once: true });
  });
  const samples: Sample[] = [];
  const note = (sample: Sample) => {
    samples.push(sample);
    const share = Math.round((sample.jobs / options.jobs) * 100);
    console.error(
      `${String(share).padStart(3)} %  ${sample.jobs} jobs, Redis ${(sample.used / 2 ** 20).toFixed(2)} MiB, ${sample.keys} keys${sample.atRest ? ', at rest' : ''}`,
    );
  };
  await using stack = new AsyncDisposableStack();
  const run = async () => {
    const stage = stack.use(await openStage(options));
    await measure(stage, await openProcesses(stack, stage, options), options.jobs, note);
  };
  const running = run();
  // When interrupted, it fails because its processes are gone; nobody needs to know.
  running.catch(() => {});
  await Promise.race([running, interrupted]);
  const isFlat = report(options, samples);
  process.exitCode = interrupt.aborted ? Number(interrupt.reason) : isFlat ? 0 : 1;
}

await runBench(readOptions, usage, bench);
