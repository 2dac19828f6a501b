import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { markedEnvironment, temporaryFolder } from './test-run.ts';

/** A Redis server process of the test's own, which it can kill, freeze and restart. */
export interface OwnRedis extends AsyncDisposable {
  url: string;
  host: string;
  port: number;
  /** Its working folder; kept over a restart, removed by stop(). */
  dir: string;
  /** The pid of the running server; undefined while it is down. */
  readonly pid: number | undefined;
  /**
   * Sends a signal, SIGKILL by default. Resolves when the process is gone, or at once for the signals that only
   * freeze it (SIGSTOP) or wake it (SIGCONT).
   */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it unless it is down, and starts it on the same port and folder. Resolves when it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The server program and its version, such as { program: 'redis-server', version: '7.0.15' }, or undefined. */
export function installedServer(): { program: string; version: string } | undefined {
  for (const program of ['redis-server', 'valkey-server']) {
    const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    const version = /\bv=(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
    const oldest = /valkey/i.test(stdout ?? '') ? 8 : 7;
    if (version !== undefined && Number.parseInt(version, 10) >= oldest) return { program, version };
  }
  return undefined;
}

/**
 * Starts a server on a free port of the loopback address. `args` are redis-server's own, such as
 * ['--appendonly', 'yes']; by default it keeps nothing on disk. Throws when none is installed:
 * guard such tests with `describe.skipIf(!installedServer())`.
 */
export async function startOwnRedis(args: string[] = []): Promise<OwnRedis> {
  const installed = installedServer();
  if (installed === undefined) {
    throw new Error(
      'this test needs its own redis-server or valkey-server: install Redis >= 7 or Valkey >= 8',
    );
  }
  const host = '127.0.0.1';
  const port = await freePort();
  const dir = temporaryFolder('redis');
  // A process title would overwrite the environment, and so the mark of the run.
  const fixed = ['--port', String(port), '--bind', host, '--dir', dir, '--set-proc-title', 'no'];
  const all = [...fixed, '--save', '', '--hz', '100', ...args];
  let server: ChildProcess | undefined;

  const start = async () => {
    const child = spawn(installed.program, all, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: markedEnvironment(),
    });
    server = child;
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output = `${output}${String(chunk)}`.slice(-4_000)));
    child.stderr.on('data', (chunk: Buffer) => (output = `${output}${String(chunk)}`.slice(-4_000)));
    child.once('exit', () => {
      if (server === child) server = undefined;
    });
    await untilItAnswers(host, port, () => {
      if (server !== child) throw new Error(`${installed.program} ended at once:\n${output}`);
    });
  };

  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const child = server;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    await gone;
  };

  const stop = async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true });
  };

  await start();
  return {
    url: `redis://${host}:${port}`,
    host,
    port,
    dir,
    get pid() {
      return server?.pid;
    },
    kill,
    async restart() {
      await kill();
      await start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function untilItAnswers(host: string, port: number, check: () => void): Promise<void> {
  const redis = new Redis({
    host,
    port,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
  });
  // Connections fail until it listens; ioredis would print errors that nobody handles.
  redis.on('error', () => {});
  const failed = new Promise<never>((_, reject) => {
    redis.on('close', () => {
      try {
        check();
      } catch (error) {
        reject(error);
      }
    });
  });
  try {
    await Promise.race([redis.ping(), failed]);
  } finally {
    redis.disconnect();
  }
}
