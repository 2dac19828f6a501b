import type { Dispatcher } from 'undici';

/** The permit that a request leaves on. Times of performance.now(), ms. */
export type UsedPermit = {
  startAt: number;
  /** An older permit is not used. */
  oldestMs: number;
};

/** Dispatch options of a request that has a permit. */
export type PermittedOptions = Dispatcher.DispatchOptions & { permit?: UsedPermit };

/**
 * The permit was too old when the request was about to be written: its process was stopped, its loop stalled, or
 * the connection took long. Nothing was sent.
 */
export class StalePermit extends Error {
  override readonly name = 'StalePermit';
}

/** Passes everything on, and looks at the permit when the request has its connection, before its first byte. */
function withPermit(
  handler: Dispatcher.DispatchHandler,
  permit: UsedPermit,
  observe: (ageMs: number) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      const ageMs = performance.now() - permit.startAt;
      if (ageMs > permit.oldestMs) throw new StalePermit(`the permit was ${Math.round(ageMs)} ms old`);
      observe(ageMs);
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  };
}

/** Judges each permit's age at the last moment, and measures it. @param observe called with ms for each one used */
export function permitAge(observe: (ageMs: number) => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options: PermittedOptions, handler) =>
    dispatch(options, options.permit === undefined ? handler : withPermit(handler, options.permit, observe));
}
