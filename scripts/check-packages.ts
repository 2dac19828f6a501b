// npm run check:packages: packs every published package and checks the tarball, not the folder: what a user would get.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packPackages } from './published-packages.ts';

const checks = [
  ['publint', (tarball: string) => ['run', tarball, '--strict']],
  // There is no CommonJS build: Node loads ES modules with require().
  ['attw', (tarball: string) => [tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'ascii']],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'sluice-packages-'));
const faults: string[] = [];
try {
  for (const [name, tarball] of packPackages(folder)) {
    for (const [command, args] of checks) {
      const { status, stdout, stderr, error } = spawnSync(command, args(tarball), { encoding: 'utf8' });
      console.log(`${name}: ${command}: ${status === 0 ? 'good' : 'NOT GOOD'}`);
      if (status === 0) continue;
      faults.push(`${name}: ${command}`);
      console.log(error?.message ?? `${stdout}${stderr}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (faults.length > 0) process.exitCode = 1;
