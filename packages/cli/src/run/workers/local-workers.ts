import { SluiceError } from '@sluice/shared';
import type { WorkerSettings } from './environment.ts';
import { WorkerProcess } from './worker-process.ts';

/** How many times a run restarts workers that die, in all. */
const mostRestarts = 5;

export type LocalWorkers = AsyncDisposable & {
  /** Resolves with the reason when the run cannot go on: workers die again and again. */
  failed: Promise<SluiceError>;
  /** Ends them at once. */
  kill(): void;
};

/**
 * Starts the run's workers and waits until they take jobs. One that dies later is started again, with a warning; its
 * jobs come back by themselves when their locks expire.
 * @param watch called with the pid of each worker
 * @throws SluiceError SLUICE_INTERNAL with what it printed when a worker does not start
 */
export async function startWorkers(
  count: number,
  settings: WorkerSettings,
  hooks: { watch: (pid: number) => void; warn: (text: string) => void },
): Promise<LocalWorkers> {
  const running = new Set<WorkerProcess>();
  const failed = Promise.withResolvers<SluiceError>();
  let restarts = 0;
  let stopping = false;

  const killAll = () => {
    stopping = true;
    for (const worker of running) worker.kill();
  };
  process.once('exit', killAll);
  const stop = async () => {
    stopping = true;
    await Promise.all([...running].map((worker) => worker.stop()));
    process.off('exit', killAll);
  };

  const start = () => {
    const worker = new WorkerProcess(settings);
    running.add(worker);
    if (worker.pid !== 0) hooks.watch(worker.pid);
    void worker.ended.then(() => running.delete(worker));
    return worker;
  };
  const supervise = async (worker: WorkerProcess): Promise<void> => {
    const { description } = await worker.ended;
    if (stopping) return;
    if (restarts >= mostRestarts) {
      const message = `workers end again and again, the last with ${description}`;
      failed.resolve(new SluiceError('SLUICE_INTERNAL', message));
      return;
    }
    restarts += 1;
    hooks.warn(
      `a worker ended unexpectedly (${description}); starting another, its jobs come back when their locks expire`,
    );
    await supervise(start());
  };
  const untilStarted = async (worker: WorkerProcess): Promise<void> => {
    const early = worker.ended.then(({ description }) => {
      throw new SluiceError('SLUICE_INTERNAL', `a worker did not start: ${description}`);
    });
    await Promise.race([worker.started, early]);
  };

  const first = Array.from({ length: count }, start);
  try {
    await Promise.all(first.map(untilStarted));
  } catch (error) {
    killAll();
    await stop();
    throw error;
  }
  for (const worker of first) void supervise(worker);
  return { failed: failed.promise, kill: killAll, [Symbol.asyncDispose]: stop };
}
