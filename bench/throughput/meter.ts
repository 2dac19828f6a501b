// Loaded before a measured process (`--import`): tells its parent what the process uses, and profiles it on request.
// All processes load the same file, so none has an advantage, and none needs code of its own for it.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

/** What a parent may ask. */
export type MeterAsk =
  | { type: 'usage' }
  | { type: 'memory'; collect: boolean }
  | { type: 'profile-start' }
  | { type: 'profile-stop'; file: string };

export type Usage = {
  /** User and system time since the process started, ms. */
  cpuMs: number;
  /** The most memory it ever had resident, bytes. */
  peakRssBytes: number;
};

/** What the process has now, bytes. With `collect`, `heap` is what is alive, because garbage is collected first. */
export type Memory = { rss: number; heap: number; external: number };

let session: Session | undefined;

/** Collects twice: what the first collection frees may leave garbage for the second. */
async function collectGarbage(): Promise<void> {
  const collector = new Session();
  collector.connect();
  for (let n = 0; n < 2; n++) await collector.post('HeapProfiler.collectGarbage');
  collector.disconnect();
}

async function answer(ask: MeterAsk): Promise<void> {
  switch (ask.type) {
    case 'usage': {
      const { user, system } = process.cpuUsage();
      const usage: Usage = {
        cpuMs: (user + system) / 1000,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      };
      process.send?.({ type: 'usage', usage });
      return;
    }
    case 'memory': {
      if (ask.collect) await collectGarbage();
      const { rss, heapUsed: heap, external } = process.memoryUsage();
      const memory: Memory = { rss, heap, external };
      process.send?.({ type: 'memory', memory });
      return;
    }
    case 'profile-start':
      session = new Session();
      session.connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: 500 });
      await session.post('Profiler.start');
      process.send?.({ type: 'profile-start' });
      return;
    case 'profile-stop': {
      const stopped = await session?.post('Profiler.stop');
      writeFileSync(ask.file, JSON.stringify(stopped?.profile));
      process.send?.({ type: 'profile-stop' });
    }
  }
}

process.on('message', (ask: MeterAsk) => void answer(ask));
