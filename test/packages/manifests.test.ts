import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { oldestNode } from '../../packages/shared/src/node-version.ts';
import { publishedPackages } from '../../scripts/published-packages.ts';

interface Manifest {
  engines: { node: string };
  exports: Record<string, string | Record<string, string>>;
  publishConfig: { access: string; provenance: boolean; exports: Manifest['exports'] };
  repository: { url: string; directory: string };
}

const packages = publishedPackages();

test('all packages have one version', () => {
  expect(packages).toHaveLength(9);
  expect(new Set(packages.map(({ version }) => version)).size).toBe(1);
});

describe.each(packages)('the manifest of $name', ({ folder }) => {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

  test('asks for the Node that the programs check for', () => {
    expect(manifest.engines.node).toBe(`>=${oldestNode.join('.')}`);
  });

  test('publishes its exports without the condition that names the sources', () => {
    const shipped = Object.entries(manifest.exports).map(([path, target]) => {
      if (typeof target === 'string') return [path, target];
      const { 'sluice-source': _, ...rest } = target;
      return [path, rest];
    });
    expect(manifest.publishConfig).toEqual({
      access: 'public',
      exports: Object.fromEntries(shipped),
      provenance: true,
    });
  });

  test('says where it comes from', () => {
    expect(manifest.repository).toMatchObject({
      url: 'git+https://github.com/sluice-dev/sluice.git',
      directory: `packages/${basename(folder)}`,
    });
  });
});
