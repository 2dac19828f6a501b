import { readFileSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';

/** Ticks of the process times in /proc: 10 ms on every Linux that Node runs on. */
const tickMs = 10;

/** `ownMs`: of this process and all that it started, by process; empty where it cannot be told. */
export type Reading = { at: number; busyMs: number; ownMs: ReadonlyMap<number, number> };

/** CPU of all processes of the machine, ms. */
function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

/** CPU of this process and all that it started, ms, by process; empty where there is no /proc. */
function ownMs(): Map<number, number> {
  const parents = new Map<number, number>();
  const used = new Map<number, number>();
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return used;
  }
  for (const name of names) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The name of the program may hold anything, also spaces and brackets.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(name), Number(fields[1]));
      used.set(Number(name), (Number(fields[11]) + Number(fields[12])) * tickMs);
    } catch {
      // It has ended.
    }
  }
  const isOwn = (pid: number): boolean => {
    for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return true;
    return false;
  };
  for (const pid of used.keys()) if (!isOwn(pid)) used.delete(pid);
  return used;
}

/**
 * How much of the machine others use: the CPU of all processes without that of this one and of all that it started.
 * What they take, our processes wait for, and pay for in cold caches.
 */
export class ForeignCpu {
  #last: Reading;

  constructor() {
    this.#last = read();
  }

  /** The share of the machine since the last call or the start, 0 to 1; null where it cannot be told. */
  share(): number | null {
    const before = this.#last;
    const now = read();
    this.#last = now;
    return foreignShare(before, now, cpus().length);
  }
}

/** The share of a machine with so many cores that others used between two readings; null where it cannot be told. Pure. */
export function foreignShare(before: Reading, now: Reading, cores: number): number | null {
  if (now.ownMs.size === 0) return null;
  let own = 0;
  for (const [pid, ms] of now.ownMs) own += ms - (before.ownMs.get(pid) ?? 0);
  const all = (now.at - before.at) * cores;
  return Math.min(1, Math.max(0, (now.busyMs - before.busyMs - own) / all));
}

export function read(): Reading {
  return { at: performance.now(), busyMs: busyMs(), ownMs: ownMs() };
}
