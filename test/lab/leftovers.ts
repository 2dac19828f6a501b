import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { markVariable } from './test-run.ts';

export interface Leftover {
  pid: number;
  command: string;
}

/**
 * The running processes that carry the mark of test run `id`, whatever their parent is by now. Also those that work in
 * its folder, whose name contains the id: a Redis server overwrites its environment, and so the mark, with its title.
 */
export function marked(id: string): Leftover[] {
  const mark = `${markVariable}=${id}`;
  return existsSync('/proc/self/environ') ? markedInProc(mark, id) : markedByPs(mark);
}

/** Kills them all, and what they start meanwhile. @returns all that were found */
export function endMarked(id: string): Leftover[] {
  const ended: Leftover[] = [];
  // Again until none is left: one may have been about to start another.
  for (let round = 0; round < 20; round++) {
    const found = marked(id).filter(({ pid }) => pid !== process.pid);
    if (found.length === 0) break;
    for (const left of found) {
      if (ended.every(({ pid }) => pid !== left.pid)) ended.push(left);
      try {
        process.kill(left.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return ended;
}

function markedInProc(mark: string, id: string): Leftover[] {
  const found: Leftover[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const isMarked = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
      if (!isMarked && !readlinkSync(`/proc/${pid}/cwd`).includes(id)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      // A zombie no longer has either.
      if (command !== '') found.push({ pid, command });
    } catch {
      // It is gone, or we may not read it.
    }
  }
  return found;
}

function markedByPs(mark: string): Leftover[] {
  const lines = execFileSync('ps', ['-E', '-ww', '-A', '-o', 'pid=,command='], { encoding: 'utf8' }).split(
    '\n',
  );
  return lines
    .filter((line) => line.split(' ').includes(mark))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().split(/\s+/)[1] ?? '' }));
}
