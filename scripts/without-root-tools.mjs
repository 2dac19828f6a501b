// For the worker's image: removes the root package's dependencies, all of them development tools, from package.json
// and pnpm-lock.yaml in the current folder. pnpm installs them whatever the filter says, and they are several times
// the size of what the worker is built from. The lockfile stays frozen for the packages.
import { readFileSync, writeFileSync } from 'node:fs';

const { devDependencies: _, ...root } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync('package.json', `${JSON.stringify(root, null, 2)}\n`);

const lockfile = readFileSync('pnpm-lock.yaml', 'utf8');
const rootEntry = /^(importers:\n\n {2}\.:)\n.*?\n\n(?= {2}\S)/ms;
if (!rootEntry.test(lockfile)) throw new Error('pnpm-lock.yaml has no root entry in the expected place');
writeFileSync('pnpm-lock.yaml', lockfile.replace(rootEntry, '$1 {}\n\n'));
