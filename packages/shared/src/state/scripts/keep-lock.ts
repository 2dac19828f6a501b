import { defineScript, isOne } from '../define-script.ts';

/**
 * Takes a lock back that ran out while Redis was away, or the worker's event loop stood still: the run goes on if
 * nobody else has begun one. A job that the stalled check has moved is no longer active, and lost.
 *
 * Answer: the lock is ours.
 */
export const keepLockScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    lock: keys.bull(queue).lock(job),
    active: keys.bull(queue).active,
    stalled: keys.bull(queue).stalled,
  }),
  args: ['id', 'token', 'lockMs'],
  lua: `
local holder = redis.call('GET', lock)
if holder ~= token and (holder or not redis.call('LPOS', active, id)) then return 0 end
redis.call('SET', lock, token, 'PX', lockMs)
redis.call('SREM', stalled, id)
return 1
`,
  read: isOne,
});
