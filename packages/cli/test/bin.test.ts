import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { oldestNode } from '@sluice/shared/node-version';
import { workspace } from '../../../test/lab/processes.ts';

const programs = [
  ['sluice', 'packages/cli/src/bin.ts'],
  ['sluice-worker', 'packages/worker/src/bin.ts'],
  ['sluice', 'packages/sluice/src/bin.ts'],
  ['sluice-worker', 'packages/sluice/src/worker-bin.ts'],
] as const;

/** Runs a program on a Node that says it is `version`. */
const runAs = (version: string, file: string, ...args: string[]) => {
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`;
  const flags = ['--conditions=sluice-source', '--import', `data:text/javascript,${pretend}`];
  return spawnSync(process.execPath, [...flags, resolve(workspace, file), ...args], { encoding: 'utf8' });
};

test.each(programs)('%s (%s) says which Node it needs, and exits with 1, on an older one', (name, file) => {
  expect(runAs('20.20.2', file)).toMatchObject({
    stdout: '',
    stderr: `${name}: this is Node 20.20.2; install Node ${oldestNode.join('.')} or newer and try again\n`,
    status: 1,
  });
});

test('minor versions count, too', () => {
  const [major, minor] = oldestNode;
  expect(runAs(`${major}.${minor - 1}.9`, 'packages/cli/src/bin.ts').status).toBe(1);
});

test('sluice runs on the oldest Node and on a new major version', () => {
  for (const version of [`${oldestNode.join('.')}.0`, '26.0.0']) {
    expect(runAs(version, 'packages/cli/src/bin.ts', '--help')).toMatchObject({ status: 0, stderr: '' });
  }
});

test('sluice --version prints the version of its package, and nothing else', () => {
  const manifest = readFileSync(resolve(workspace, 'packages/cli/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  expect(runAs(process.versions.node, 'packages/cli/src/bin.ts', '--version')).toMatchObject({
    stdout: `${version}\n`,
    stderr: '',
    status: 0,
  });
});
