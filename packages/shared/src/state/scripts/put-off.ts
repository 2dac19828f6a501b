import { defineScript, ignored } from '../define-script.ts';

/**
 * Notes that a job must wait because the upstream asked for it, on Redis' clock: a worker whose clock is fast would
 * promote it too early, and the permit script then sends it back. Lifting the hold wakes it.
 */
export const putOffScript = defineScript({
  keys: (keys, queue: string) => ({ putOffJobs: keys.putOff(queue) }),
  args: ['id', 'ms'],
  whenFull: true,
  lua: `
local time = redis.call('TIME')
local now = math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', putOffJobs, '-inf', string.format('%.0f', now))
redis.call('ZADD', putOffJobs, string.format('%.0f', now + tonumber(ms)), id)
redis.call('PEXPIRE', putOffJobs, 90000000)
return 1
`,
  read: ignored,
});
