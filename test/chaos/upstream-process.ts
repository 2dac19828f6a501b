import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Origins } from './job-mix.ts';
import type { RequestRecord } from './records.ts';

/** The upstream in a process of its own, which no fault hits: what it saw is the truth. */
export interface UpstreamProcess extends AsyncDisposable {
  origins: Origins;
  log(): Promise<RequestRecord[]>;
}

export async function startUpstreamProcess(): Promise<UpstreamProcess> {
  const child = fork(fileURLToPath(new URL('upstream.ts', import.meta.url)), {
    serialization: 'advanced',
    execArgv: [],
    // Ctrl-C is answered by the run itself.
    detached: true,
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const [{ urls }] = (await once(child, 'message')) as [{ urls: [string, string] }];
  return {
    origins: { steady: urls[0], refusing: urls[1] },
    async log() {
      child.send('log');
      const [{ log }] = (await once(child, 'message')) as [{ log: RequestRecord[] }];
      return log;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
