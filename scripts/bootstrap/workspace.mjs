import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = join(root, 'node_modules', '.bin');

/** The workspace's own Node 24, from the npm package `node`. */
export const node = join(bin, 'node');
