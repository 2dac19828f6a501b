import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { listen } from './listen.ts';
import { type NginxOptions, nginxConfig, parseAccessLog } from './nginx-config.ts';
import type { Arrival } from './upstream/arrivals.ts';

/** A running nginx that limits by itself. */
export interface Nginx extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Every request whose answer has ended, in order of arrival; times to the ms, from nginx' wall clock. */
  arrivals(): Promise<Arrival[]>;
  /** How often it answered each status. */
  statusCounts(): Promise<Record<number, number>>;
  /** Kills it and removes its folder. A second call does nothing. */
  stop(): Promise<void>;
}

/** Whether nginx can run here; if not, its tests must be skipped, loudly. */
export function nginxAvailable(): boolean {
  return spawnSync('nginx', ['-v'], { stdio: 'ignore' }).status === 0;
}

/**
 * Starts nginx on a free port, with its files in a temporary folder.
 * It ends with `stop()`, and with this process, however that dies.
 * @throws Error with what nginx said when it does not start.
 */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-nginx-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const { child, port } = await launch(folder, options);
    return handle(child, port, folder, remove);
  } catch (error) {
    process.off('exit', remove);
    remove();
    throw error;
  }
}

/** Tries three times, because anyone may take a free port a moment later. */
async function launch(folder: string, options: NginxOptions): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    writeFileSync(join(folder, 'nginx.conf'), nginxConfig({ ...options, folder, port }));
    const child = command(['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']);
    const complaint = await listening(child);
    if (complaint === null) return { child, port };
    if (attempt === 3 || !complaint.includes('Address already in use')) {
      throw new Error(`nginx did not start: ${complaint}`);
    }
  }
}

function command(args: string[]): ChildProcess {
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  // With util-linux, the kernel kills it when this process is killed and cannot clean up.
  const bound = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return bound
    ? spawn('setpriv', ['--pdeathsig', 'KILL', 'nginx', ...args], { stdio: [...stdio] })
    : spawn('nginx', args, { stdio: [...stdio] });
}

/** Waits until nginx listens. @returns null, or what it complained of before it ended. */
async function listening(child: ChildProcess): Promise<string | null> {
  if (!child.stderr) throw new Error('nginx has no stderr');
  const lines = createInterface({ input: child.stderr });
  let complaint = '';
  for await (const line of lines) {
    // nginx writes this right after it opens the listening sockets; connections queue from here on.
    if (line.includes('getrlimit(RLIMIT_NOFILE)')) {
      child.stderr.resume();
      return null;
    }
    if (/\[(emerg|alert|crit)\]/.test(line)) complaint += `${line}\n`;
    // nginx would try to bind for 2.5 s.
    if (line.includes('Address already in use')) child.kill('SIGKILL');
  }
  return complaint;
}

function handle(child: ChildProcess, port: number, folder: string, remove: () => void): Nginx {
  const url = `http://127.0.0.1:${port}`;
  const exited =
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();

  const arrivals = async (): Promise<Arrival[]> => {
    // One process, one loop: once it answers this, it has logged every earlier answer.
    await fetch(`${url}/-/fence`, { headers: { connection: 'close' } });
    return parseAccessLog(await readFile(join(folder, 'access.log'), 'utf8'));
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    process.off('exit', remove);
    remove();
  };

  return {
    url,
    port,
    pid: child.pid ?? 0,
    arrivals,
    async statusCounts() {
      const counts: Record<number, number> = {};
      for (const { status } of await arrivals()) counts[status] = (counts[status] ?? 0) + 1;
      return counts;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  const { port } = await listen(probe, { host: '127.0.0.1', port: 0 });
  probe.close();
  await once(probe, 'close');
  return port;
}
