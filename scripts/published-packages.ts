import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export type PublishedPackage = { name: string; version: string; folder: string };

/** The packages that go to npm: those in `packages` that are not private. */
export function publishedPackages(): PublishedPackage[] {
  return readdirSync(join(root, 'packages')).flatMap((entry) => {
    const folder = join(root, 'packages', entry);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      private?: boolean;
    };
    const { name, version } = manifest;
    return manifest.private === true ? [] : [{ name, version, folder }];
  });
}

/**
 * Packs what is in `dist`, as `pnpm publish` does: `npm pack` would leave `workspace:` and `catalog:` in.
 * @returns the tarballs, by the package's name
 */
export function packPackages(destination: string): Map<string, string> {
  return new Map(
    publishedPackages().map(({ name, version, folder }) => {
      execFileSync(join(root, 'node_modules/.bin/pnpm'), ['pack', '--pack-destination', destination], {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return [name, join(destination, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)];
    }),
  );
}
