import { type Script, whenFull } from './script.ts';

/**
 * Notes that a job must wait because the upstream asked for it, on Redis' clock: a worker whose clock is fast would
 * promote it too early, and the permit script then sends it back. Lifting the hold wakes it.
 *
 * KEYS  put-off jobs
 * ARGV  1 job id, 2 ms
 */
export const putOffScript: Script = {
  name: 'sluicePutOff',
  keys: 1,
  lua: `${whenFull}
local time = redis.call('TIME')
local now = math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 90000000)
return 1
`,
};
