import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleFolder, markedEnvironment, placeInBundle } from './test-run.ts';

/** The top folder of the workspace, an absolute path. */
export const workspace = fileURLToPath(new URL('../..', import.meta.url));

export interface ProgramOptions {
  /** Added to this process's environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /** Default: the workspace. */
  cwd?: string;
  /** Written to its stdin, which is then closed. Default: an empty stdin. */
  input?: string;
  /** Opens an IPC channel; the program needs nothing for it but `process.send`. */
  ipc?: boolean;
  /** How long a wait for a line, a message or the end lasts before it fails, in ms. Default 60 s. */
  patience?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A running program. A wait that can no longer succeed fails early, with everything that the program printed. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the first line, including those already printed, that contains or matches `what`. */
  line(what: string | RegExp): Promise<string>;
  /** Resolves with the first IPC message, including those already received, that `accept` takes. */
  message<T>(accept: (message: unknown) => message is T): Promise<T>;
  send(message: object): void;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended by itself. */
  exit(): Promise<Exit>;
  /** Ends it, and every process of its group, at once. A second call does nothing. */
  kill(): Promise<Exit>;
}

/**
 * Starts a TypeScript program of the workspace on Node 24: the bundle that the test run made of it, or else the source.
 * `file` is relative to the workspace, or absolute.
 * Dispose of it with `await using`, or kill() it. The test run ends whatever is forgotten, and fails.
 */
export function startProgram(file: string, args: string[] = [], options: ProgramOptions = {}): Program {
  return startCommand(
    process.execPath,
    ['--conditions=sluice-source', bundleOf(file) ?? resolve(workspace, file), ...args],
    options,
  );
}

function bundleOf(file: string): string | undefined {
  const bundled = placeInBundle(file);
  const path = bundled === undefined ? undefined : join(bundleFolder(), bundled);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** The same for any command. */
export function startCommand(command: string, args: string[], options: ProgramOptions = {}): Program {
  const { env = {}, cwd = workspace, input, ipc = false, patience = 60_000 } = options;
  const child = spawn(command, args, {
    cwd,
    env: markedEnvironment(env),
    // A group of its own, so that kill() reaches what it started.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  return new RunningProgram(child, `${command} ${args.join(' ')}`, patience, input);
}

/** Runs a program to its end. */
export async function runProgram(
  file: string,
  args: string[] = [],
  options: ProgramOptions = {},
): Promise<Exit> {
  await using program = startProgram(file, args, options);
  return await program.exit();
}

/** The same for any command. */
export async function runCommand(
  command: string,
  args: string[],
  options: ProgramOptions = {},
): Promise<Exit> {
  await using program = startCommand(command, args, options);
  return await program.exit();
}

class RunningProgram implements Program {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #patience: number;
  readonly #messages: unknown[] = [];
  #end: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** Called whenever something comes from the program. */
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess, name: string, patience: number, input: string | undefined) {
    this.#child = child;
    this.#name = name;
    this.#patience = patience;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#note(() => (this.stdout += text)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#note(() => (this.stderr += text)));
    child.on('message', (message) => this.#note(() => this.#messages.push(message)));
    child.on('error', (error) => this.#note(() => (this.stderr += `${error.message}\n`)));
    // 'close', not 'exit': by then everything it printed has been read.
    child.on('close', (code, signal) => this.#note(() => (this.#end = { code, signal })));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  line(what: string | RegExp): Promise<string> {
    const matches = (text: string) => (typeof what === 'string' ? text.includes(what) : what.test(text));
    return this.#until(`printed ${String(what)}`, () =>
      [this.stdout, this.stderr].flatMap((text) => text.split('\n').slice(0, -1)).find(matches),
    );
  }

  message<T>(accept: (message: unknown) => message is T): Promise<T> {
    return this.#until('sent the message waited for', () => this.#messages.find(accept));
  }

  send(message: object): void {
    this.#child.send(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  exit(): Promise<Exit> {
    return this.#until('ended', () => this.#exit());
  }

  async kill(): Promise<Exit> {
    if (this.#child.pid !== undefined) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        // The whole group is already gone.
      }
    }
    if (this.#end === undefined) await once(this.#child, 'close');
    return await this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #exit(): Exit | undefined {
    return this.#end && { ...this.#end, stdout: this.stdout, stderr: this.stderr };
  }

  #note(change: () => unknown): void {
    change();
    for (const look of this.#waiting) look();
  }

  #until<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const fail = (why: string): void => settle(() => reject(new Error(`${this.#story()}\n${why}`)));
      const timer = setTimeout(
        () => fail(`has not ${what} within ${this.#patience / 1000} s`),
        this.#patience,
      );
      const look = (): void => {
        const found = find();
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#end !== undefined) fail(`has not ${what} before its end (code ${this.#end.code})`);
      };
      this.#waiting.add(look);
      look();
    });
  }

  #story(): string {
    return `${this.#name}\n--- stdout\n${this.stdout}--- stderr\n${this.stderr}---`;
  }
}
