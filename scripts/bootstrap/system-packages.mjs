import { capture } from './child.mjs';
import { say } from './say.mjs';

const servers = ['redis-server', 'redis', 'valkey-server', 'valkey'];

/** How to ask each package manager for its version of a package, and to install it. `root`: it must run as root. */
const managers = [
  {
    command: 'apt-get',
    root: true,
    refresh: ['apt-get', 'update', '-qq'],
    candidate: (name) => ['apt-cache', 'policy', name],
    version: /Candidate: (?:\d+:)?(\d+\.\d+\S*)/,
    install: (name) => ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', name],
  },
  {
    command: 'apk',
    root: true,
    candidate: (name) => ['apk', 'search', '--exact', name],
    version: /-(\d+\.\d+\S*)/,
    refresh: ['apk', 'update', '--quiet'],
    install: (name) => ['apk', 'add', '--quiet', name],
  },
  {
    command: 'dnf',
    root: true,
    candidate: (name) => ['dnf', 'info', '--quiet', name],
    version: /Version\s*: (\d+\.\d+\S*)/,
    install: (name) => ['dnf', 'install', '-y', '--quiet', name],
  },
  {
    command: 'brew',
    root: false,
    candidate: (name) => ['brew', 'info', name],
    version: /stable (\d+\.\d+\S*)/,
    install: (name) => ['brew', 'install', '--quiet', name],
  },
];

// RUNLEVEL=1 keeps Debian's package from starting a server of its own on the default port.
const settings = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];

/** ['sudo', '-n'] or [], whichever makes a command run as root; undefined when neither does. */
async function asRoot() {
  if (process.getuid?.() === 0) return [];
  return (await capture('sudo', ['-n', 'true'])).code === 0 ? ['sudo', '-n'] : undefined;
}

/** Installs a Redis >= 7 or Valkey >= 8 with the system's package manager; false when it may not or cannot. */
export async function installRedis(skip) {
  let found = false;
  for (const manager of managers) {
    if ((await capture(manager.command, ['--version'])).code === 127) continue;
    found = true;
    const prefix = manager.root ? await asRoot() : [];
    if (!prefix) {
      skip(`${manager.command} needs root, or sudo without a password`);
      continue;
    }
    const run = ([command, ...args]) => {
      const [first, ...rest] = [...prefix, ...settings, command, ...args];
      return capture(first, rest, { timeout: 300_000 });
    };
    if (manager.refresh) await run(manager.refresh);
    for (const name of servers) {
      const version = manager.version.exec((await run(manager.candidate(name))).output)?.[1];
      if (!version || Number.parseInt(version, 10) < (name.startsWith('valkey') ? 8 : 7)) continue;
      say(`installing ${name} ${version} with ${manager.command}`);
      const { code, output } = await run(manager.install(name));
      if (code === 0) return true;
      skip(`${manager.command} could not install ${name}: ${output.trim().split('\n').at(-1)}`);
    }
    skip(`${manager.command} has no Redis >= 7 or Valkey >= 8`);
  }
  if (!found) skip('no known package manager is here (apt-get, apk, dnf, brew)');
  return false;
}
