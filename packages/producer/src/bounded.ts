import { SluiceError } from '@sluice/shared';

const longestTimerMs = 2 ** 31 - 1;

/** How long a caller wants to wait. */
export type Bounds = {
  signal?: AbortSignal | undefined;
  /** Epoch ms. */
  deadline?: number | undefined;
};

/** What a caller is told whose signal aborted. @param what such as `stopped waiting` */
export function waitAborted(signal: AbortSignal, what: string): SluiceError {
  return new SluiceError('SLUICE_WAIT_ABORTED', what, { cause: signal.reason });
}

/** A timer of any length: one that is longer than timers can be does not fire at once, but never. */
export function timerAt(epochMs: number, call: () => void): NodeJS.Timeout | undefined {
  const ms = epochMs - Date.now();
  // Neither does what is no time: whoever validates the deadline says so.
  return ms <= longestTimerMs ? setTimeout(call, Math.max(0, ms)) : undefined;
}

/**
 * Waits for work only as long as its caller wants to, whatever Redis does. The work itself goes on: a command that waits
 * for Redis cannot be taken back.
 * @param stopped what a caller whose signal aborts is told
 * @throws SluiceError SLUICE_WAIT_ABORTED by the signal, SLUICE_REDIS_UNREACHABLE at the deadline; else as the work does
 */
export async function bounded<T>(
  work: Promise<T>,
  { signal, deadline }: Bounds,
  stopped = 'stopped waiting for Redis',
): Promise<T> {
  if (signal === undefined && deadline === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(waitAborted(signal!, stopped));
  const tooLate = () =>
    reject(
      new SluiceError(
        'SLUICE_REDIS_UNREACHABLE',
        'Redis did not answer before the deadline; if it has accepted the job, it ends at its deadline',
      ),
    );
  const timer = deadline === undefined ? undefined : timerAt(deadline, tooLate);
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
