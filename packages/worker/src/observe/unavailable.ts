import { type FailureRule, retryCommand, isUnavailableForNow } from '@sluice/redis';
import type { Logger } from '../logger.ts';

const tellEveryMs = 10_000;

/**
 * While Redis is unavailable (it takes no commands, or no writes), commands wait: a worker has nothing better to do,
 * and if it could not report an outcome, the request would be made again. What it holds meanwhile is bounded by its
 * concurrency.
 */
export function waitWhileUnavailable(log: Logger): FailureRule {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!isUnavailableForNow(error)) return error;
    if (performance.now() - toldAt > tellEveryMs) {
      toldAt = performance.now();
      log.warn({ err: error }, 'Redis is unavailable for now; commands wait');
    }
    return retryCommand;
  };
}
