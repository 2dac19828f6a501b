import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture } from './child.mjs';
import { Stop, say } from './say.mjs';
import { node, root } from './workspace.mjs';

const stampFile = join(root, 'node_modules', '.sluice-installed');

/** Changes when, and only when, an install could change something. */
function fingerprint() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`);
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...packages.sort()]) {
    if (existsSync(join(root, file))) hash.update(`\n${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** Installs the workspace, unless the installation matches the lockfile. */
export async function ensureInstalled() {
  const print = fingerprint();
  if (existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === print) return;

  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  say(`installing the workspace with ${packageManager} (the first time, and when the lockfile changes)`);
  const began = Date.now();
  // CI=true: pnpm must not stop to ask a question that nobody sees. pm-on-fail: npx has already fetched the pinned
  // pnpm, and without the flag a frozen install fails on a lockfile entry about pnpm itself.
  const pnpm = ['--yes', packageManager, 'install', '--frozen-lockfile', '--pm-on-fail=ignore'];
  const install = await capture('npx', pnpm, { cwd: root, env: { ...process.env, CI: 'true' } });
  if (install.code !== 0) {
    process.stderr.write(install.output);
    throw new Stop(
      `the install failed (exit code ${install.code}; its output is above); is the npm registry reachable?`,
    );
  }
  const check = await capture(node, ['--version']);
  if (check.code !== 0) {
    throw new Stop(`the installed Node 24 does not run on this system: ${check.output.trim()}`);
  }
  writeFileSync(stampFile, print);
  say(`installed in ${Math.round((Date.now() - began) / 1000)} s, Node ${check.output.trim().slice(1)}`);
}
