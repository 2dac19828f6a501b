import { setTimeout as sleep } from 'node:timers/promises';
import { Faults } from './faults.ts';
import { planFaults } from './plan.ts';
import { QueueWatch, outcomesIn } from './queue-watch.ts';
import type { RunRecords } from './records.ts';
import { queue, settings } from './settings.ts';
import { setStage } from './stage.ts';

/** How long everything may take to settle when the faults are over: any lock, silence and backoff, several times. */
const patienceMs = 90_000;

/** Where a run stands. */
export interface Standing {
  phase: 'starting' | 'faults' | 'settling';
  /** Since the start, ms. */
  ms: number;
  /** Faults begun so far, and all that are planned. */
  faults: number;
  planned: number;
}

/** One run: sets the stage, carries out the plan, lets everything settle, and collects what was written down. */
export async function run(
  seed: number,
  minutes: number,
  progress: (standing: Standing) => void,
  signal: AbortSignal,
): Promise<RunRecords> {
  await using stack = new AsyncDisposableStack();
  const plan = planFaults(seed, minutes, settings.lockMs);
  progress({ phase: 'starting', ms: 0, faults: 0, planned: plan.length });
  const stage = await setStage(stack, seed);
  const watch = new QueueWatch(stage.redis.url);
  stack.defer(() => watch.close());
  const faults = new Faults(stage);

  const start = performance.now();
  const tell = (phase: Standing['phase']) =>
    progress({ phase, ms: performance.now() - start, faults: faults.records.length, planned: plan.length });
  const coming = [...plan];
  while (performance.now() - start < minutes * 60_000) {
    const now = performance.now() - start;
    while (coming.length > 0 && coming[0]!.at <= now) faults.begin(coming.shift()!);
    tell('faults');
    await sleep(50, undefined, { signal });
  }
  await faults.healed();

  const settling = setInterval(() => tell('settling'), 500);
  using _ticker = { [Symbol.dispose]: () => clearInterval(settling) };
  const deadline = performance.now() + patienceMs;
  const finished = Promise.all(stage.producers.map((producer) => producer.finish()));
  await Promise.race([finished, sleep(patienceMs, undefined, { signal, ref: false })]);
  // Jobs of killed producers go on without anybody who awaits them.
  let left = await watch.left();
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(200, undefined, { signal });
    left = await watch.left();
  }
  await watch.close();
  const producers = stage.logs();
  const ids = producers.flatMap(({ log }) => log.flatMap((one) => (one.e === 'accepted' ? [one.id] : [])));
  const outcomes = await outcomesIn(stage.redis.url, ids);
  const requests = await stage.upstream.log();
  return {
    rate: settings.rate,
    requests,
    producers,
    faults: faults.records,
    ends: watch.ends,
    outcomes,
    left: left.map((id) => `${queue}/${id}`),
    crashes: stage.crashes,
  };
}
