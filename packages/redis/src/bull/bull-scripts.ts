import { createRequire } from 'node:module';
import type { BullScript } from './bull-function.ts';

/** The scripts that the installed BullMQ ships, by name. */
export type BullScripts = { version: string; scripts: Readonly<Record<string, Partial<BullScript>>> };

/**
 * Reads the scripts of the BullMQ that a module would import. They are not part of its interface: where they are not
 * found, there are none.
 * @param from the module's `import.meta.url`
 */
export function bullScripts(from: string): BullScripts {
  const require = createRequire(from);
  const read = <Value>(path: string, none: Value): Value => {
    try {
      return require(path) as Value;
    } catch {
      return none;
    }
  };
  const { version } = read('bullmq/package.json', { version: 'unknown' });
  return { version, scripts: read('bullmq/dist/cjs/scripts/index.js', {}) };
}
