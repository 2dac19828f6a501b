import type { Script } from './script.ts';

/**
 * Takes a lock back that ran out while Redis was away, or the worker's event loop stood still: the run goes on if
 * nobody else has begun one. A job that the stalled check has moved is no longer active, and lost.
 *
 * KEYS  lock, active jobs, stalled jobs
 * ARGV  1 job id, 2 lock token, 3 duration of the lock (ms)
 * Returns 1 the lock is ours, 0 it is lost
 */
export const keepLockScript: Script = {
  name: 'sluiceKeepLock',
  keys: 3,
  lua: `
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[2] and (holder or not redis.call('LPOS', KEYS[2], ARGV[1])) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
`,
};
