import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Program, startProgram } from '../lab/processes.ts';
import type { ProducerOptions } from './producer.ts';

const forEver = 2_000_000_000;
const restartMs = 300;

/** A place for a producer process: one that is killed is followed by another, which knows nothing of it. */
export class ProducerSlot implements AsyncDisposable {
  /** Names of the processes that were killed. */
  readonly killed: string[] = [];
  readonly name: string;
  readonly #slot: number;
  readonly #seed: number;
  readonly #folder: string;
  readonly #options: Omit<ProducerOptions, 'name' | 'seed' | 'log'>;
  readonly #onCrash: (text: string) => void;
  #program: Program | undefined;
  #name = '';
  #incarnation = 0;
  #finishing = false;
  #closed = false;
  #running: Promise<void> | undefined;

  constructor(
    slot: number,
    seed: number,
    folder: string,
    options: Omit<ProducerOptions, 'name' | 'seed' | 'log'>,
    onCrash: (text: string) => void,
  ) {
    this.name = `producer ${slot}`;
    this.#slot = slot;
    this.#seed = seed;
    this.#folder = folder;
    this.#options = options;
    this.#onCrash = onCrash;
  }

  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = this.#supervise(resolve);
    await promise;
  }

  async #supervise(onStarted: () => void): Promise<void> {
    while (!this.#closed && !this.#finishing) {
      this.#incarnation += 1;
      const name = `p${this.#slot}.${this.#incarnation}`;
      const options: ProducerOptions = {
        ...this.#options,
        name,
        seed: this.#seed * 1000 + this.#slot * 100 + this.#incarnation,
        log: join(this.#folder, `${name}.ndjson`),
      };
      const program = startProgram('test/chaos/producer.ts', [JSON.stringify(options)], {
        ipc: true,
        patience: forEver,
      });
      this.#program = program;
      this.#name = name;
      const exit = program.exit();
      const isStarted = (message: unknown): message is object => typeof message === 'object';
      await program.message(isStarted).then(onStarted, () => {});
      const { code, signal, stderr } = await exit;
      const couldNotConnect = code === 1 && stderr.includes('SLUICE_REDIS_UNREACHABLE');
      const isExpected = this.#closed || this.killed.includes(name) || couldNotConnect;
      if (!isExpected && !(code === 0 && this.#finishing)) {
        this.#onCrash(
          `producer ${name} ended by itself (code ${code}, signal ${signal}):\n${stderr.slice(-2000)}`,
        );
      }
      if (!this.#closed && !this.#finishing) await sleep(restartMs);
    }
  }

  kill(): void {
    this.killed.push(this.#name);
    this.#program?.signal('SIGKILL');
  }

  /** No more jobs. Resolves when everything awaited has come. */
  async finish(): Promise<void> {
    this.#finishing = true;
    try {
      this.#program?.send({ type: 'stop' });
    } catch {
      // It has just been killed.
    }
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#program?.kill();
    await this.#running;
  }
}
