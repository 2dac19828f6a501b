import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { workspace } from './processes.ts';
import { bundledPrograms, bundleFolder, examplesFolder } from './test-run.ts';

const conditionNames = ['sluice-source', 'node', 'import', 'default'];

/** Not bundled, but resolved on use from the packages' own folders. */
const external = [
  /^node:/,
  'piscina',
  /^@aws-sdk\//,
  // Its files are served from its package; what it and Fastify are made of is bundled.
  ...readdirSync(resolve(workspace, 'packages/gateway/node_modules/@fastify')).map(
    (name) => `@fastify/${name}`,
  ),
  'msgpackr-extract',
];

/**
 * Bundles the programs that tests start hundreds of times. A start then reads a few files, not a thousand, and takes
 * half the time. The folder has the layout of an installed package, so that the command line finds its worker in it.
 */
export async function bundlePrograms(): Promise<void> {
  for (const [source, file] of Object.entries(bundledPrograms)) {
    const input: Record<string, string> = { main: resolve(workspace, source) };
    const thread = join(dirname(source), 'transform/thread.ts');
    if (existsSync(resolve(workspace, thread))) input['thread'] = resolve(workspace, thread);
    await bundle(input, dirname(join(bundleFolder(), file)));
  }
  const examples = readdirSync(resolve(workspace, examplesFolder)).filter((name) => name.endsWith('.ts'));
  const paths = examples.map((name) => [basename(name, '.ts'), resolve(workspace, examplesFolder, name)]);
  await bundle(Object.fromEntries(paths) as Record<string, string>, join(bundleFolder(), 'examples'));
  const modules = join(bundleFolder(), 'node_modules');
  const worker = { name: '@sluice/worker', type: 'module', exports: { './main': './main.js' } };
  writeFileSync(join(modules, '@sluice/worker/package.json'), JSON.stringify(worker));
  writeFileSync(join(bundleFolder(), 'package.json'), JSON.stringify({ type: 'module' }));
  symlinkSync(resolve(workspace, 'packages/worker/node_modules/piscina'), join(modules, 'piscina'));
  // For its scripts, which are read as files.
  symlinkSync(resolve(workspace, 'packages/worker/node_modules/bullmq'), join(modules, 'bullmq'));
  symlinkSync(resolve(workspace, 'packages/body-store/node_modules/@aws-sdk'), join(modules, '@aws-sdk'));
  symlinkSync(resolve(workspace, 'packages/gateway/node_modules/@fastify'), join(modules, '@fastify'));
}

async function bundle(input: Record<string, string>, dir: string): Promise<void> {
  const bundled = await rolldown({ input, platform: 'node', resolve: { conditionNames }, external });
  // Without comments and blanks only half is left to read; names stay.
  const minify = { mangle: false, compress: false, codegen: true } as const;
  await bundled.write({ dir, entryFileNames: '[name].js', minify });
  await bundled.close();
}
