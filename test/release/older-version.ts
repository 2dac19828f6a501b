import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { type Consumer, installConsumer } from './consumer.ts';

/** The commits of the versions that must work beside this one, by version. */
const commits = JSON.parse(readFileSync(join(workspace, 'test/versions.json'), 'utf8')) as Record<
  string,
  string
>;

/**
 * Installs an older version as a user has it: built and packed from its commit, and installed with npm.
 * @returns `missing`: why it cannot be had here
 */
export async function installOlder(version: string): Promise<Consumer | { missing: string }> {
  const commit = commits[version];
  if (commit === undefined) throw new Error(`test/versions.json does not name ${version}`);
  const checkout = join(temporaryFolder('older'), version);
  mkdirSync(checkout, { recursive: true });
  const archive = join(checkout, '../source.tar');
  const written = await runCommand('git', ['archive', '--output', archive, commit]);
  if (written.code !== 0) return { missing: `this checkout does not have the commit ${commit}` };
  const patience = 300_000;
  for (const [command, args] of [
    ['tar', ['-xf', archive]],
    // Its own lockfile; the store has most of it.
    [process.execPath, ['scripts/bootstrap.mjs', 'install']],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(command, [...args], { cwd: checkout, patience });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  }
  return installConsumer(checkout);
}
