import { defineScript, ignored, isOne } from '../define-script.ts';
import type { Keys } from '../keys.ts';

const keys = (all: Keys, queue: string, id: string) => ({ marks: all.sent(queue, id) });

/**
 * Marks an attempt of an at-most-once job as being sent. The same run may ask twice: when the answer was lost with the
 * connection, which sends the command again.
 *
 * token  of the run's lock
 *
 * Answer: no earlier run has marked it.
 */
export const markScript = defineScript({
  keys,
  args: ['attempt', 'token', 'ttlMs'],
  lua: `
if redis.call('HSETNX', marks, attempt, token) == 0 and redis.call('HGET', marks, attempt) ~= token then return 0 end
redis.call('PEXPIRE', marks, ttlMs)
return 1
`,
  read: isOne,
});

/**
 * Takes a mark away that is not needed any more: nothing was sent, or BullMQ has been told how the attempt ended. Only
 * the run's own: the id may be that of a new job by now.
 */
export const unmarkScript = defineScript({
  keys,
  args: ['attempt', 'token'],
  whenFull: true,
  lua: `
if redis.call('HGET', marks, attempt) == token then return redis.call('HDEL', marks, attempt) end
return 0
`,
  read: ignored,
});
