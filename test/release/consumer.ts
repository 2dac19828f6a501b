import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Exit, runCommand, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';

/** A user's project: outside the workspace, with nothing but what npm installed. */
export interface Consumer {
  folder: string;
  /** The names of our packages. */
  packages: string[];
}

/** What npm says when no registry answers, whatever is to be installed. */
const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|ENETUNREACH)\b/;

const installPatience = 300_000;

/** The path with a Node before all others. */
export function pathWith(node: string): { PATH: string } {
  return { PATH: `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}` };
}

function npmInstall(folder: string): Promise<Exit> {
  const args = ['install', '--no-audit', '--no-fund', '--no-update-notifier', '--prefer-offline'];
  return runCommand('npm', args, {
    cwd: folder,
    env: pathWith(process.execPath),
    patience: installPatience,
  });
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as { version: string };

type Packing = { packPackages(destination: string): Map<string, string> };

/** Builds and packs the packages of a checkout, as its own scripts do. @returns the tarballs, by the package's name */
async function packed(root: string): Promise<Map<string, string>> {
  // The project file of the package that depends on all others.
  const build = await runCommand(join(root, 'node_modules/.bin/tsc'), ['-b', 'packages/sluice'], {
    cwd: root,
    patience: installPatience,
  });
  if (build.code !== 0) throw new Error(`the build failed:\n${build.stdout}${build.stderr}`);
  const script = pathToFileURL(join(root, 'scripts/published-packages.ts')).href;
  return ((await import(script)) as Packing).packPackages(temporaryFolder('tarballs'));
}

/** The tarballs of all packages. `missing`: there is no registry to install their dependencies from. */
export async function packedFiles(): Promise<{ files: string[] } | { missing: string }> {
  const { code, stderr } = await runCommand('npm', ['view', 'bullmq', 'version'], {
    env: pathWith(process.execPath),
  });
  if (code !== 0 && offline.test(stderr)) return { missing: 'no npm registry answers' };
  return { files: [...(await packed(workspace)).values()] };
}

/**
 * Builds and packs the packages, and installs the tarballs of all of them with npm.
 * @param root the checkout whose packages they are. Default: this one
 * @throws when npm cannot install them; `missing`: there is no registry to install their dependencies from
 */
export async function installConsumer(root = workspace): Promise<Consumer | { missing: string }> {
  const tarballs = await packed(root);
  const folder = temporaryFolder('consumer');
  cpSync(join(import.meta.dirname, 'consumer'), folder, { recursive: true });
  const specs = Object.fromEntries([...tarballs].map(([name, file]) => [name, `file:${file}`]));
  const nodeTypes = readJson(join(workspace, 'node_modules/@types/node/package.json'));
  const manifest = {
    private: true,
    type: 'module',
    dependencies: specs,
    devDependencies: { '@types/node': nodeTypes.version, typescript: '5.9' },
    // What they name of each other is in no registry yet.
    overrides: specs,
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const { code, stdout, stderr } = await npmInstall(folder);
  if (code !== 0 && offline.test(stderr)) return { missing: 'no npm registry answers' };
  if (code !== 0) throw new Error(`npm install failed:\n${stdout}${stderr}`);
  return { folder, packages: [...tarballs.keys()] };
}

/** A Node of its own, as a user has it; undefined when it cannot be had here. */
export async function installNode(version: string): Promise<string | undefined> {
  const folder = temporaryFolder('node');
  const manifest = { private: true, dependencies: { node: version }, allowScripts: { node: true } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  await npmInstall(folder);
  const node = join(folder, 'node_modules/.bin/node');
  if (!existsSync(node)) return undefined;
  const { code, stdout } = await runCommand(node, ['--version']);
  return code === 0 && stdout === `v${version}\n` ? node : undefined;
}

/** Writes each TypeScript example of the installed READMEs to a file. @returns how many there are */
export function extractExamples({ folder, packages }: Consumer): number {
  mkdirSync(join(folder, 'readme'));
  let count = 0;
  for (const name of packages) {
    const readme = readFileSync(join(folder, 'node_modules', name, 'README.md'), 'utf8');
    for (const [, example] of readme.matchAll(/^```ts\n(.*?)^```/gms)) {
      writeFileSync(join(folder, 'readme', `example-${count++}.ts`), `${example}export {};\n`);
    }
  }
  return count;
}
