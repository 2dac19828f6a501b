import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../lab/free-port.ts';
import { workspace } from '../lab/processes.ts';
import { bundleFolder, placeInBundle, temporaryFolder } from '../lab/test-run.ts';
import type { Reader } from './follow.ts';

/** The address of this run's Redis, and a free port, in the place of those that pages name. */
export async function placesHere(redisUrl: string): Promise<Reader['instead']> {
  const port = String(await freePort());
  return [
    ['redis://localhost:6379', redisUrl],
    ['127.0.0.1:8081', `127.0.0.1:${port}`],
    ['--port 8081', `--port ${port}`],
  ];
}

/**
 * A reader who need not install: npm does nothing, npx and imports find the sources of the workspace. What the packages
 * are like when they come from npm is for `packed.test.ts`.
 */
export async function workspaceReader(redisUrl: string): Promise<Reader> {
  const folder = temporaryFolder('newcomer');
  const bin = join(folder, '.bin');
  mkdirSync(bin);
  const source = 'packages/cli/src/main.ts';
  const bundle = join(bundleFolder(), placeInBundle(source) ?? '');
  const program = existsSync(bundle) ? bundle : join(workspace, source);
  const script = `#!/bin/sh\nexec "${process.execPath}" --conditions=sluice-source "${program}" "$@"\n`;
  writeFileSync(join(bin, 'sluice'), script);
  chmodSync(join(bin, 'sluice'), 0o755);
  // Above the folder that the page makes, where Node looks, too.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(workspace, 'packages/sluice'), join(folder, 'node_modules/sluice'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  return {
    folder,
    env: { SLUICE_REDIS_URL: redisUrl, NODE_OPTIONS: '--conditions=sluice-source' },
    instead: await placesHere(redisUrl),
    prelude: `PATH="${bin}:${join(process.execPath, '..')}:$PATH"; npm() { :; }; npx() { "$@"; }`,
  };
}
