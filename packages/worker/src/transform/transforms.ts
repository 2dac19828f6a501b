import { availableParallelism } from 'node:os';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import type { Logger } from '../logger.ts';
import { SluiceError, fault, faultsText, formatDuration } from '@sluice/shared';
import type { PoolConfig } from '../settings.ts';
import { Slots } from '../slots.ts';
import type { Exported, TransformInput, TransformTask, Transformed } from './contract.ts';

/** An idle thread is ended after this; one always stays. */
const idleThreadMs = 60_000;

/** The timeout for loading a module is at least this, ms: it starts a thread, reads files, and compiles. */
const loadTimeoutMs = 30_000;

/**
 * The transforms of a process: modules by name, run in threads, off the loop that renews locks. One transform per
 * thread at a time; those that find none free wait, first come, first served.
 */
export class Transforms {
  readonly #modules: ReadonlyMap<string, string>;
  readonly #timeoutMs: number;
  readonly #log: Logger;
  readonly #threads: Slots;
  readonly #pool: Piscina<TransformTask, Transformed> | null;

  private constructor({ modules, threads, timeoutMs }: PoolConfig['transforms'], log: Logger) {
    this.#modules = new Map(modules.map(({ name, module }) => [name, hrefOf(module)]));
    this.#timeoutMs = timeoutMs;
    this.#log = log;
    const count = threads === 0 ? Math.max(1, availableParallelism() - 1) : threads;
    this.#threads = new Slots(count);
    if (modules.length === 0) {
      this.#pool = null;
      return;
    }
    this.#pool = new Piscina({
      // Beside this file, as source or built.
      filename: resolve(import.meta.dirname, `thread${extname(import.meta.filename)}`),
      name: 'answer',
      minThreads: 1,
      maxThreads: count,
      idleTimeout: idleThreadMs,
      // An idle thread would block in Atomics.wait, and with it what a transform left running, including its output.
      atomics: 'disabled',
    });
    // An idle thread died: what an earlier transform left running threw.
    this.#pool.on('error', (error: unknown) => log.warn({ err: error }, 'a transform thread failed'));
  }

  /** Loads every module once. @throws SluiceError SLUICE_INVALID_CONFIG naming each that cannot be used */
  static async open(config: PoolConfig['transforms'], log: Logger): Promise<Transforms> {
    const transforms = new Transforms(config, log);
    const checks = config.modules.map(async ({ name, module }) => {
      const loaded = await transforms.#perform(name, 'transform', null, new AbortController().signal);
      return loaded.ok ? [] : [fault(['SLUICE_TRANSFORMS'], `${name}=${module}: ${loaded.message}`)];
    });
    const faults = (await Promise.all(checks)).flat();
    if (faults.length === 0) return transforms;
    await transforms.close();
    const text = `the environment has faults: ${faultsText(faults)}`;
    throw new SluiceError('SLUICE_INVALID_CONFIG', text, { faults });
  }

  get names(): string[] {
    return [...this.#modules.keys()];
  }

  /**
   * Runs a transform, or the `retryIf` of its module. A throw, a timeout and the death of its thread are results.
   * @throws the signal's reason when that aborts first; the thread is ended then, too
   */
  async run(
    name: string,
    input: TransformInput,
    signal: AbortSignal,
    exported: Exported = 'transform',
  ): Promise<Transformed> {
    return await this.#perform(name, exported, input, signal);
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  async #perform(
    name: string,
    run: Exported,
    input: TransformInput | null,
    signal: AbortSignal,
  ): Promise<Transformed> {
    // The wait for a thread is here, and not in the timeout, so the pool never has more tasks than threads.
    using _ = await this.#threads.acquire(signal);
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let isLate = false;
    const timeoutMs = input === null ? Math.max(loadTimeoutMs, this.#timeoutMs) : this.#timeoutMs;
    const timer = setTimeout(() => {
      isLate = true;
      stop.abort();
    }, timeoutMs);
    try {
      // A copy, which is moved into the thread: the body stays with the outcome if the transform fails.
      const own = input && { ...input, body: new Uint8Array(input.body) };
      const task = { module: this.#modules.get(name)!, run, input: own };
      const transferList = own === null ? [] : [own.body.buffer];
      // The abort of a running task terminates its thread; the next task starts another.
      return await this.#pool!.run(task, { signal: stop.signal, transferList });
    } catch (error) {
      signal.throwIfAborted();
      const message = isLate
        ? `it took longer than ${formatDuration(timeoutMs)} and was ended`
        : `its thread ended (${error instanceof Error ? error.message : String(error)})`;
      this.#log.warn({ transform: name }, `a transform failed: ${message}`);
      return { ok: false, message };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function hrefOf(module: string): string {
  return module.startsWith('file:') ? module : pathToFileURL(resolve(module)).href;
}
