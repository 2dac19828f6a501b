import { constants } from 'node:os';
import type { Stopping } from './process-io.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One key press can reach a process twice, from the terminal and from a parent that passes it on, ms. */
const samePressMs = 150;

/** What Ctrl-C means to most commands. */
export const defaultStopping = (process: NodeJS.Process): Stopping => ({
  text: 'stopping: waiting jobs are taken back, requests under way finish; Ctrl-C again stops at once',
  again: (code) => process.exit(code),
});

/**
 * The signal to stop: the first SIGINT, SIGTERM or SIGHUP aborts it, with the exit code (130, 143, 129) as the reason.
 * A second one ends the process at once, unless the command says otherwise; the process' `exit` event ends what must
 * not outlive it.
 * @param announce called with what to tell the user
 * @param stopping read when a signal comes: the command may have changed it
 */
export function interruptSignal(
  process: NodeJS.Process,
  announce: (text: string) => void,
  stopping: Stopping = defaultStopping(process),
): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of signals) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (!controller.signal.aborted) {
        first = performance.now();
        announce(stopping.text);
        controller.abort(code);
      } else if (performance.now() - first > samePressMs) {
        stopping.again(code);
      }
    });
  }
  return controller.signal;
}
