import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, type Program, startProgram } from '../lab/processes.ts';
import { settings } from './settings.ts';

const forEver = 2_000_000_000;
const restartMs = 300;
/** After one that could not start: Redis is away. */
const startAgainMs = 1000;

const isStarted = (message: unknown): message is { type: 'started' } =>
  (message as { type?: string } | null)?.type === 'started';

/** A place for a worker process: one that ends is followed by another, as a Deployment does it. */
export class WorkerSlot implements AsyncDisposable {
  readonly name: string;
  readonly #redis: string;
  readonly #onCrash: (text: string) => void;
  #program: Program | undefined;
  #serving = false;
  /** It was signalled: its end is no surprise. */
  #expected = false;
  #stopped = false;
  #closed = false;
  #running: Promise<void> | undefined;

  constructor(name: string, redis: string, onCrash: (text: string) => void) {
    this.name = name;
    this.#redis = redis;
    this.#onCrash = onCrash;
  }

  /** It takes jobs, and is neither stopped nor ending. */
  get serving(): boolean {
    return this.#serving && !this.#expected && !this.#stopped;
  }

  /** Resolves when it serves for the first time. */
  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = this.#supervise(resolve);
    await promise;
  }

  async #supervise(onStarted: () => void): Promise<void> {
    while (!this.#closed) {
      const program = startProgram('packages/worker/src/main.ts', [], {
        ipc: true,
        patience: forEver,
        env: {
          SLUICE_REDIS_URL: this.#redis,
          SLUICE_HEALTH_PORT: '0',
          SLUICE_LOG_LEVEL: 'warn',
          SLUICE_LOCK_DURATION: `${settings.lockMs}ms`,
          SLUICE_STALLED_INTERVAL: `${settings.stalledMs}ms`,
          SLUICE_GRACE: `${settings.graceMs}ms`,
        },
      });
      this.#program = program;
      this.#expected = false;
      this.#stopped = false;
      const exit = program.exit();
      const hasStarted = await program.message(isStarted).then(
        () => true,
        () => false,
      );
      this.#serving = hasStarted;
      if (hasStarted) onStarted();
      const end = await exit;
      this.#serving = false;
      this.#judge(end, hasStarted);
      if (!this.#closed) await sleep(hasStarted ? restartMs : startAgainMs);
    }
  }

  /** One that could not start while Redis was away says so and ends; one that had started ends only when told to. */
  #judge({ code, signal, stderr, stdout }: Exit, hasStarted: boolean): void {
    const said = `${stdout}${stderr}`.slice(-2000);
    const isExpected =
      this.#expected || this.#closed || (!hasStarted && code === 1 && stderr.includes('SLUICE_'));
    if (!isExpected) this.#onCrash(`${this.name} ended by itself (code ${code}, signal ${signal}):\n${said}`);
    else if (/unhandled/i.test(said)) this.#onCrash(`${this.name}:\n${said}`);
  }

  kill(): void {
    this.#expected = true;
    this.#program?.signal('SIGKILL');
  }

  /** Resolves when it has ended. */
  async drain(): Promise<void> {
    this.#expected = true;
    const ended = this.#program!.exit();
    this.#program!.signal('SIGTERM');
    await ended;
  }

  async stopFor(ms: number): Promise<void> {
    const program = this.#program!;
    this.#stopped = true;
    program.signal('SIGSTOP');
    await sleep(ms);
    program.signal('SIGCONT');
    if (this.#program === program) this.#stopped = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#program?.kill();
    await this.#running;
  }
}
