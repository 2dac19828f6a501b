import type { Keys } from './keys.ts';

/**
 * The keys and arguments of a call of the expire script.
 * @param now epoch ms
 * @param reason the failed reason of the job
 */
export function expireCall(
  keys: Keys,
  queue: string,
  id: string,
  now: number,
  reason: string,
): [keys: string[], args: (string | number)[]] {
  const { wait, delayed, prioritized, failed, job, lock } = keys.bull(queue);
  return [
    [keys.deadlines(queue), wait, delayed, prioritized, failed, job(id), lock(id)],
    [id, now, reason],
  ];
}
