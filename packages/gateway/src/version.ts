import { readFileSync } from 'node:fs';

/** The version of this package: of the sources in src, and of what is built from them in dist. */
export function packageVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
