import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One key press can reach a process twice, from the terminal and from a parent that passes it on, ms. */
const samePressMs = 150;

/**
 * The signal to stop: the first SIGINT, SIGTERM or SIGHUP aborts it, with the exit code (130, 143, 129) as the reason.
 * A second one ends the process at once; the process' `exit` event ends what must not outlive it.
 * @param announce called with what to tell the user
 */
export function interruptSignal(process: NodeJS.Process, announce: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of signals) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (!controller.signal.aborted) {
        first = performance.now();
        announce(
          'stopping: waiting jobs are taken back, requests under way finish; Ctrl-C again stops at once',
        );
        controller.abort(code);
      } else if (performance.now() - first > samePressMs) {
        process.exit(code);
      }
    });
  }
  return controller.signal;
}
