import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The parts of V8's CPU profile that we read. */
type Profile = {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  samples: number[];
  timeDeltas: number[];
};

export type Share = { name: string; where: string; ms: number; share: number };

const workspace = fileURLToPath(new URL('../..', import.meta.url));

/** `packages/worker/src/pool.ts`, `ioredis/built/Redis.js`, `node:net`. */
function shortPath(url: string): string {
  if (!url.startsWith('file:')) return url;
  const path = relative(workspace, fileURLToPath(url));
  return path.replace(/^.*node_modules\/(?!\.pnpm)/, '');
}

/** The package that code belongs to: `packages/worker`, `ioredis`, `node`. */
function ownerOf(url: string, name: string): string {
  if (url === '') return name.startsWith('(') ? name : 'node (native)';
  if (url.startsWith('node:')) return 'node';
  const parts = shortPath(url).split('/');
  return parts[0] === 'packages' || parts[0]!.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!;
}

/** Where a process spent its time: self time by function and by package, largest first. Idle time is left out. */
export function readProfile(file: string): { functions: Share[]; owners: Share[]; busyMs: number } {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, Share>();
  const owners = new Map<string, Share>();
  let busyMs = 0;
  profile.samples.forEach((id, index) => {
    const { functionName, url, lineNumber } = frames.get(id)!;
    if (functionName === '(idle)') return;
    const ms = profile.timeDeltas[index]! / 1000;
    busyMs += ms;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const where = url === '' ? '' : `${shortPath(url)}:${lineNumber + 1}`;
    add(functions, `${name} ${where}`, { name, where, ms, share: 0 });
    add(owners, ownerOf(url, name), { name: ownerOf(url, name), where: '', ms, share: 0 });
  });
  const ranked = (shares: Map<string, Share>) =>
    [...shares.values()].map((share) => ({ ...share, share: share.ms / busyMs })).sort((a, b) => b.ms - a.ms);
  return { functions: ranked(functions), owners: ranked(owners), busyMs };
}

function add(shares: Map<string, Share>, key: string, share: Share): void {
  const known = shares.get(key);
  if (known === undefined) shares.set(key, share);
  else known.ms += share.ms;
}

/** @param jobs the number of jobs: times are per job */
export function profileText(title: string, file: string, jobs: number): string {
  const { functions, owners, busyMs } = readProfile(file);
  const line = ({ name, where, ms, share }: Share) =>
    `  ${(share * 100).toFixed(1).padStart(5)} %  ${((ms * 1000) / jobs).toFixed(1).padStart(6)} us/job  ${name}  ${where}`;
  return [
    `${title}: ${((busyMs * 1000) / jobs).toFixed(0)} us/job on the main thread (${file})`,
    ' functions, self time',
    ...functions.slice(0, 10).map(line),
    ' by package',
    ...owners.slice(0, 10).map(line),
  ].join('\n');
}
