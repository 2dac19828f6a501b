import { mkdtempSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, guard } from './child.mjs';
import { dockerImage, engineVersion, startContainer } from './docker.mjs';
import { askVersion, serverVersion, tooOld } from './redis-version.mjs';
import { Stop, say } from './say.mjs';
import { installRedis } from './system-packages.mjs';

const serverNames = ['redis-server', 'valkey-server'];

const fixes = `A Redis >= 7 (or Valkey >= 8) is needed. Do one of these:
  install redis-server or valkey-server with the system's package manager (apt-get, dnf, apk, brew)
  start a Docker engine
  set SLUICE_REDIS_URL to a running one (for the demo and \`sluice run\`; the tests never use it)`;

const saySkipped = (why) => say(`skipped: ${why}`);

/** A server binary on PATH that is new enough, or undefined; `skip` is called with why one was passed over. */
async function findServer(skip) {
  for (const name of serverNames) {
    const { code, output } = await capture(name, ['--version']);
    if (code === 127) continue;
    const version = serverVersion(output);
    const why = version ? tooOld(version) : `${name} --version says "${output.trim()}"`;
    if (!why) return { name, version };
    skip(why);
  }
  return undefined;
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts a server that keeps nothing on disk and does not outlive this process. */
async function startServer({ name }) {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const settings = { port, bind: '127.0.0.1', dir, save: '', appendonly: 'no', hz: 100 };
  const args = Object.entries({ ...settings, 'maxmemory-policy': 'noeviction' }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  // A process group of its own: the terminal's Ctrl-C is for the demo, which still needs Redis to clean up.
  const server = spawn(name, args, { stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => server.once('exit', resolve).once('error', resolve));
  const release = guard('sh', '-c', 'kill -KILL "$0"; rm -rf "$1"', String(server.pid), dir);
  const stop = async () => {
    server.kill('SIGKILL');
    await ended;
    release();
    rmSync(dir, { recursive: true, force: true });
  };
  const url = `redis://127.0.0.1:${port}`;
  try {
    await Promise.race([
      askVersion(url, 10_000),
      ended.then(() => Promise.reject(new Error(`${name} ended at once; start it by hand to see why`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** A Redis for a command that needs one: the user's, else a private one. Throws Stop when there is none. */
export async function provideRedis() {
  const skipped = [];
  const skip = (why) => {
    skipped.push(why);
    saySkipped(why);
  };

  const given = process.env.SLUICE_REDIS_URL;
  if (given) {
    // We use the Redis that the user named, or stop. We never replace it behind their back.
    const version = await askVersion(given, 5_000).catch((error) => {
      throw new Stop(`SLUICE_REDIS_URL does not lead to a Redis: ${error.message}`);
    });
    const why = tooOld(version);
    if (why) throw new Stop(`SLUICE_REDIS_URL: ${why}`);
    return { url: given, stop: async () => {} };
  }

  const server = await findServer(skip);
  if (server) return startServer(server);
  if (skipped.length === 0) skip('no redis-server or valkey-server on PATH');

  const container = await startContainer(skip);
  if (container) return container;

  if (await installRedis(skip)) {
    const installed = await findServer(skip);
    if (installed) return startServer(installed);
  }
  throw new Stop(fixes);
}

/**
 * Makes sure that the tests can start Redis servers of their own; never touches SLUICE_REDIS_URL.
 * A server binary is preferred to the Docker engine: some tests kill and restart their server.
 */
export async function ensureRedisForTests() {
  if (await findServer(saySkipped)) return;
  if ((await installRedis(saySkipped)) && (await findServer(saySkipped))) return;
  const engine = await engineVersion(saySkipped);
  if (engine) {
    say(`no redis-server; tests use ${dockerImage()} in Docker, and those that kill a server are skipped`);
    return;
  }
  throw new Stop(fixes);
}
