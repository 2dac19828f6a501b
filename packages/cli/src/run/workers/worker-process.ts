import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type WorkerSettings, workerEnvironment, workerFlags } from './environment.ts';

/** How a worker ended, in words. */
export type WorkerEnd = { description: string };

/** A worker that has not ended this long after it was told to is killed, ms. */
const killAfterMs = 10_000;

/** One worker process of this run. */
export class WorkerProcess {
  readonly pid: number;
  /** Resolves when it takes jobs; never rejects: see `ended`. */
  readonly started: Promise<void>;
  readonly ended: Promise<WorkerEnd>;
  readonly #child: ChildProcess;
  #stderr = '';

  constructor(settings: WorkerSettings) {
    const entry = fileURLToPath(import.meta.resolve('@sluice/worker/main'));
    const child = fork(entry, {
      env: workerEnvironment(settings.env, settings),
      execArgv: workerFlags(process.execArgv),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A process group of its own: the terminal's Ctrl-C is for us. It drains when we say so, or when we are gone.
      detached: true,
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stderr?.on(
      'data',
      (chunk: Buffer) => (this.#stderr = `${this.#stderr}${chunk.toString()}`.slice(-4000)),
    );
    this.started = new Promise((resolve) => child.once('message', () => resolve()));
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ description: error.message }));
      // 'close', not 'exit': by then everything it printed has been read.
      child.once('close', (code, signal) => resolve({ description: this.#describe(code, signal) }));
    });
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit code ${code}` : signal;
    const said = this.#stderr.trim().split('\n').at(-1) ?? '';
    return said === '' ? how : `${how}: ${said}`;
  }

  /** Drains it: what is in flight may finish. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), killAfterMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
