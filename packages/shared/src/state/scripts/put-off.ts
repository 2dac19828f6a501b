import { defineScript } from '../define-script.ts';

/**
 * Notes that a job must wait because the upstream asked for it, on Redis' clock: a worker whose clock is fast would
 * promote it too early, and the permit script then sends it back. Lifting the hold wakes it.
 *
 * cause   'held': if `origin` is held; 'early': if the job is noted already; else 'asked'
 *
 * Answer: 1 it is noted | 0 what it was to wait for was lifted, and it need not wait
 */
export const putOffScript = defineScript({
  keys: (keys, queue: string) => ({ putOffJobs: keys.putOff(queue), holds: keys.holds(queue) }),
  args: ['id', 'ms', 'cause', 'origin'],
  whenFull: true,
  lua: `
local time = redis.call('TIME')
local now = math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000)
if cause == 'held' and tonumber(redis.call('ZSCORE', holds, origin) or '0') <= now then return 0 end
if cause == 'early' then return redis.call('ZSCORE', putOffJobs, id) and 1 or 0 end
redis.call('ZREMRANGEBYSCORE', putOffJobs, '-inf', string.format('%.0f', now))
redis.call('ZADD', putOffJobs, string.format('%.0f', now + tonumber(ms)), id)
redis.call('PEXPIRE', putOffJobs, 90000000)
return 1
`,
  read: (reply) => reply === 1,
});
