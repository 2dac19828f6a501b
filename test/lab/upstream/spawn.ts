import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { toArrivals } from './arrivals.ts';
import { markClock } from './clock.ts';
import type { Answer, Control } from './control.ts';
import type { UpstreamOptions } from './options.ts';
import type { Upstream } from './server.ts';

const ENTRY = fileURLToPath(new URL('process.ts', import.meta.url));

/**
 * Starts an upstream in a process of its own, so that a busy caller does not distort arrival times.
 * The process ends with `close()`, and with its parent, however that dies; Ctrl-C alone does not end it.
 * Arrival times are still on the caller's `performance.now()` clock.
 * @throws what the start failed with, such as EADDRINUSE or a RangeError for a bad option.
 */
export async function spawnUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const child = fork(ENTRY, {
    serialization: 'advanced', // sends typed arrays as they are
    execArgv: [], // not the caller's inspector port or conditions
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  raise(child);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const call = caller(child);

  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };

  try {
    const { url, port } = await call('start', { options, clock: markClock() });
    return {
      url,
      port,
      pid: child.pid ?? 0,
      arrivals: async () => toArrivals(await call('arrivalColumns', null)),
      arrivalColumns: () => call('arrivalColumns', null),
      inFlight: () => call('inFlight', null),
      reset: async () => void (await call('reset', null)),
      set: async (change) => void (await call('set', change)),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** On a busy machine its own lateness would be counted as the sender's: what waits in its sockets arrives all at once. */
function raise(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) setPriority(child.pid, -15);
  } catch {
    // Only root may.
  }
}

type Call = <Verb extends keyof Control>(
  verb: Verb,
  ask: Control[Verb]['ask'],
) => Promise<Control[Verb]['answer']>;

/** Questions and answers over the child's channel. If the child dies, pending questions fail. */
function caller(child: ChildProcess): Call {
  let asked = 0;
  child.setMaxListeners(0); // one pair for each question that waits
  return <Verb extends keyof Control>(verb: Verb, ask: Control[Verb]['ask']) =>
    new Promise<Control[Verb]['answer']>((resolve, reject) => {
      const id = asked++;
      const settle = (act: () => void): void => {
        child.off('message', onAnswer).off('exit', onExit);
        act();
      };
      const onAnswer = (answer: Answer<Verb>): void => {
        if (answer.id !== id) return;
        settle(() => ('error' in answer ? reject(answer.error) : resolve(answer.value)));
      };
      const onExit = (): void => settle(() => reject(new Error("the upstream's process has ended")));
      child.on('message', onAnswer).on('exit', onExit);
      child.send({ id, verb, ask }, (error) => {
        if (error) settle(() => reject(error));
      });
    });
}
