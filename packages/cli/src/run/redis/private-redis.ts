import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, defaultPrefix } from '@sluice/shared';
import { openClient } from '@sluice/redis';
import { dockerServer } from './docker.ts';
import { Guard } from './guard.ts';
import { findServer } from './server-binary.ts';
import type { ServerCommand } from './server-command.ts';

/** A Redis of this run's own, gone when the run ends. */
export type PrivateRedis = AsyncDisposable & {
  /** Includes its password. */
  url: string;
  /** Resolves with what went wrong when the server ends before it is disposed of. */
  died: Promise<SluiceError>;
  /** A process that must not outlive this one, however this one ends. */
  watch(pid: number): void;
};

const fixes = `do one of these:
  install Redis 7 or Valkey 8 (or newer): apt-get install redis-server, dnf install valkey, apk add valkey, brew install redis
  name a running Redis, with --redis redis://host:port or SLUICE_REDIS_URL
  start a Docker engine that has the image redis:7-alpine (docker pull redis:7-alpine)`;

const tries = 3;
const patienceMs = 10_000;

/**
 * Starts a Redis server on a free port of the loopback address, with a random password and nothing kept on disk.
 * It ends with this process, even if this process is killed.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE with the fixes when there is no server to start
 */
export async function startPrivateRedis(): Promise<PrivateRedis> {
  const found = await findServer();
  let failure: unknown;
  // A free port may be taken a moment later.
  for (let attempt = 0; attempt < tries; attempt++) {
    const port = await freePort();
    const server = 'name' in found ? localServer(found.name) : await dockerServer(port);
    if ('skipped' in server) {
      const why = [...('skipped' in found ? found.skipped : []), server.skipped].join('; ');
      throw new SluiceError(
        'SLUICE_REDIS_UNREACHABLE',
        `a Redis is needed, and none can be started here (${why}); ${fixes}`,
      );
    }
    try {
      return await start(server, port);
    } catch (error) {
      failure = error;
    }
  }
  const why = failure instanceof Error ? failure.message : String(failure);
  throw new SluiceError(
    'SLUICE_REDIS_UNREACHABLE',
    `the private Redis does not start (${why}); use --redis`,
    { cause: failure },
  );
}

const localServer = (name: string): ServerCommand => ({
  command: name,
  args: ['-'],
  bind: '127.0.0.1',
  remove: [],
});

async function start(server: ServerCommand, port: number): Promise<PrivateRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const password = randomBytes(24).toString('base64url');
  // A process group of its own: the terminal's Ctrl-C is for us, and we still need it to take jobs back.
  const child = spawn(server.command, server.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    cwd: folder,
  });
  const output = lastOutput(child);
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  );
  const guard = new Guard(folder, server.remove);
  if (child.pid !== undefined) guard.watch(child.pid);
  const endNow = () => {
    child.kill('SIGKILL');
    const [command, ...args] = server.remove;
    // Detached, because it may need a moment longer than we live.
    if (command !== undefined) spawn(command, args, { stdio: 'ignore', detached: true }).unref();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', endNow);
  let disposing = false;
  const dispose = async () => {
    disposing = true;
    endNow();
    await ended;
    guard.release();
    process.off('exit', endNow);
  };

  child.stdin.on('error', () => {});
  child.stdin.end(configuration(server.bind, port, password));
  const url = `redis://:${password}@127.0.0.1:${port}`;
  try {
    await Promise.race([
      untilItAnswers(url),
      ended.then(() => {
        throw new Error(output() || `${server.command} ended at once`);
      }),
    ]);
  } catch (error) {
    await dispose();
    throw error;
  }
  const died = ended.then(async () => {
    if (disposing) await new Promise<never>(() => {});
    return new SluiceError('SLUICE_REDIS_UNREACHABLE', `the private Redis ended unexpectedly: ${output()}`);
  });
  return { url, died, watch: (pid) => guard.watch(pid), [Symbol.asyncDispose]: dispose };
}

function configuration(bind: string, port: number, password: string): string {
  return [
    `bind ${bind}`,
    `port ${port}`,
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    'maxmemory-policy noeviction',
    // Retries and windows must end on time: at the default of 10 they fire up to 100 ms late.
    'hz 100',
    // A waiting job then takes half the memory: its hash stays a list while its fields are short.
    'hash-max-listpack-value 4096',
    // The title would overwrite the environment, which identifies the process.
    'set-proc-title no',
    '',
  ].join('\n');
}

/** The last line that the server printed. */
function lastOutput(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer) => (text = `${text}${chunk.toString()}`.slice(-2000));
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('error', (error) => (text = error.message));
  return () => text.trim().split('\n').at(-1) ?? '';
}

async function untilItAnswers(url: string): Promise<void> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      const client = await openClient({ url, prefix: defaultPrefix });
      client.disconnect();
      return;
    } catch (error) {
      if (
        performance.now() > end ||
        (error instanceof SluiceError && error.code !== 'SLUICE_REDIS_UNREACHABLE')
      )
        throw error;
      await sleep(20);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
