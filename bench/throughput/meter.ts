// Loaded before a measured process (`--import`): tells its parent what the process uses, and profiles it on request.
// The same in all of them, so that none has an advantage, and none needs a line of its own for it.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

/** What a parent may ask. */
export type MeterAsk = { type: 'usage' } | { type: 'profile-start' } | { type: 'profile-stop'; file: string };

export type Usage = {
  /** User and system time since the process started, ms. */
  cpuMs: number;
  /** Most memory it ever had resident, bytes. */
  peakRssBytes: number;
};

let session: Session | undefined;

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
