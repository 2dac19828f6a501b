import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

/** This checkout. */
export const here = fileURLToPath(new URL('../..', import.meta.url));

/** Worker processes under test. They share one Redis, and serve one queue. */
export class Fleet {
  readonly #env: NodeJS.ProcessEnv;
  readonly #root: string;
  readonly #workers: ChildProcess[] = [];

  /** @param root the checkout whose workers they are */
  constructor(root: string, redisUrl: string, queue: string, concurrency: number) {
    this.#root = root;
    this.#env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'))),
      SLUICE_REDIS_URL: redisUrl,
      SLUICE_QUEUES: queue,
      SLUICE_CONCURRENCY: String(concurrency),
      SLUICE_HEALTH_PORT: '0',
      SLUICE_LOG_LEVEL: 'warn',
    };
  }

  get pids(): number[] {
    return this.#workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Resolves when the new workers serve the queue. */
  async start(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const worker = fork(join(this.#root, 'packages/worker/src/main.ts'), {
          cwd: this.#root,
          execArgv: ['--conditions=sluice-source'],
          env: this.#env,
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        });
        this.#workers.push(worker);
        const { promise, resolve } = Promise.withResolvers<unknown>();
        worker.once('message', resolve);
        await promise;
      }),
    );
  }

  /** Sends a signal to one worker; SIGSTOP is followed by SIGCONT after `stopMs`. */
  async disturb(index: number, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP', stopMs = 0): Promise<void> {
    const worker = this.#workers[index]!;
    worker.kill(signal);
    if (signal === 'SIGSTOP') {
      await sleep(stopMs);
      worker.kill('SIGCONT');
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        if (worker.exitCode !== null || worker.signalCode !== null) return;
        const { promise, resolve } = Promise.withResolvers<unknown>();
        worker.once('exit', resolve);
        worker.kill('SIGKILL');
        await promise;
      }),
    );
  }
}
