// Draws docs/img/top.svg: what `sluice top` shows in a terminal (tmux) of a fleet that is under load. Needs tmux.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLoadedFleet } from './fleet.ts';
import { svgOf } from './svg.ts';

/** So long that a window of `sluice top` is full of requests, ms. */
const loadMs = 25_000;

const root = resolve(import.meta.dirname, '../..');
const redis = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const prefix = `{screenshot-${randomUUID()}}`;
const server = ['-L', `sluice-${process.pid}`];
const tmux = (...args: string[]) => execFileSync('tmux', [...server, ...args], { encoding: 'utf8' });

await using _fleet = await openLoadedFleet(redis, prefix);
const top = [process.execPath, '--conditions=sluice-source', join(root, 'packages/cli/src/main.ts'), 'top'];
const command = [...top, '--redis', redis, '--prefix', prefix].map((part) => `'${part}'`).join(' ');
tmux(
  '-f',
  '/dev/null',
  'new-session',
  '-d',
  '-s',
  'top',
  '-x',
  '134',
  '-y',
  '20',
  `env -u NO_COLOR ${command}`,
);
try {
  await sleep(loadMs);
  const screen = tmux('capture-pane', '-e', '-p', '-t', 'top');
  const file = join(root, 'docs/img/top.svg');
  await writeFile(
    file,
    svgOf(screen, 'sluice top: queues, how much of its rate each uses, and recent failures'),
  );
  console.log(screen);
} finally {
  tmux('kill-server');
}
