import { type ChildProcess, spawn } from 'node:child_process';
import type { Fleet } from './fleet.ts';

/** What a machine does besides: the rate is to be kept, and used, all the same. */
export const loads = ['quiet', 'busy', 'stalled', 'stopped'] as const;

export type Load = (typeof loads)[number];

export const loadTexts: Record<Load, string> = {
  quiet: 'nothing else runs',
  busy: 'two busy loops at normal priority beside it',
  stalled: 'each worker is stopped for 60 of every 200 ms, as with a CPU quota',
  stopped: 'one worker is stopped for 2 s again and again',
};

/** Loads the machine until it is disposed of. */
export function startLoad(load: Load, fleet: Fleet): Disposable {
  if (load === 'busy') return busyLoops(2);
  if (load === 'stalled')
    return stalls(fleet, (index, count) => ({ from: (index * 200) / count, every: 200, for: 60 }));
  if (load === 'stopped')
    return stalls(fleet, (index) => (index === 0 ? { from: 1000, every: 4000, for: 2000 } : null));
  return { [Symbol.dispose]: () => {} };
}

function busyLoops(count: number): Disposable {
  const loops: ChildProcess[] = [];
  for (let n = 0; n < count; n++)
    loops.push(spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }));
  return { [Symbol.dispose]: () => loops.forEach((loop) => loop.kill('SIGKILL')) };
}

/** Times in ms. */
type Stall = { from: number; every: number; for: number };

function stalls(fleet: Fleet, of: (index: number, count: number) => Stall | null): Disposable {
  const timers: NodeJS.Timeout[] = [];
  const pids = fleet.pids;
  const signal = (pid: number, name: 'SIGSTOP' | 'SIGCONT') => {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended.
    }
  };
  pids.forEach((pid, index) => {
    const stall = of(index, pids.length);
    if (stall === null) return;
    const stop = () => {
      signal(pid, 'SIGSTOP');
      timers.push(setTimeout(() => signal(pid, 'SIGCONT'), stall.for));
    };
    timers.push(
      setTimeout(() => {
        stop();
        timers.push(setInterval(stop, stall.every));
      }, stall.from),
    );
  });
  return {
    [Symbol.dispose]: () => {
      timers.forEach((timer) => clearTimeout(timer));
      pids.forEach((pid) => signal(pid, 'SIGCONT'));
    },
  };
}
