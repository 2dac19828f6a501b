import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Memory, MeterAsk, Usage } from './meter.ts';

const meter = new URL('meter.ts', import.meta.url).href;

/** The parts of a child's messages that we read. */
type Message = { type: string; usage?: Usage; memory?: Memory; jobs?: number };

/** A process whose use of CPU and memory is measured. It ends with this one. */
export class MeasuredProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  /** @param entry a file URL */
  constructor(entry: string, argument: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = fork(fileURLToPath(entry), [argument], {
      execArgv: [...process.execArgv, '--import', meter],
      env: { ...withoutSluice(process.env), NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const child = this.#child.setMaxListeners(0);
    this.#ended = new Promise((_, reject) => {
      child.once('exit', (code, signal) => reject(new Error(`${entry} ended with ${signal ?? code}`)));
    });
    this.#ended.catch(() => {}); // whoever asks gets the error
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with the next message of this type. @throws Error when the process ends first */
  async message(type: string): Promise<Message> {
    const { promise, resolve } = Promise.withResolvers<Message>();
    const listen = (message: Message) => {
      if (message.type === type) resolve(message);
    };
    this.#child.on('message', listen);
    try {
      return await Promise.race([promise, this.#ended]);
    } finally {
      this.#child.off('message', listen);
    }
  }

  /** Asks, and waits for the answer of type `answer`. */
  async ask(question: MeterAsk | { type: string; jobs: number }, answer: string): Promise<Message> {
    const answered = this.message(answer);
    // If the channel is closed, the process has ended, and `message` says so.
    this.#child.send(question, () => {});
    return await answered;
  }

  async usage(): Promise<Usage> {
    return (await this.ask({ type: 'usage' }, 'usage')).usage!;
  }

  /** @param collect collect garbage first */
  async memory(collect: boolean): Promise<Memory> {
    return (await this.ask({ type: 'memory', collect }, 'memory')).memory!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended.catch(() => {});
  }
}

/** Sluice's variables are meant for other processes, and a worker does not start with one that it does not know. */
function withoutSluice(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SLUICE_')));
}
