/**
 * Sleeps until a time of the monotonic clock, never less. Resolves early when the signal aborts: the caller looks.
 * @param until ms, of performance.now()
 */
export async function sleepUntil(until: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const ms = until - performance.now();
    if (ms <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // A timer may fire up to 1 ms early; the loop then sleeps the rest.
    const timer = setTimeout(resolve, Math.ceil(ms));
    const wake = () => resolve();
    signal.addEventListener('abort', wake);
    await promise;
    clearTimeout(timer);
    // A signal that outlives many sleeps must not keep a listener of each.
    signal.removeEventListener('abort', wake);
  }
}
