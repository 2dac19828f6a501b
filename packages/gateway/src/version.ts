import { readFileSync } from 'node:fs';

/** The version of this package; `unknown` where it was bundled into something else. */
export function packageVersion(): string {
  try {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    return name === '@sluice/gateway' && typeof version === 'string' ? version : 'unknown';
  } catch {
    return 'unknown';
  }
}
