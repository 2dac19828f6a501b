import { defineScript, ignored } from '../define-script.ts';

/**
 * A pause of a queue has ended: what its idle time earned is lost, so that the jobs that waited start at an even pace.
 * (See parts/schedule.ts. A hold does the same to itself.)
 */
export const startEvenlyScript = defineScript({
  keys: (keys, queue: string) => ({ schedule: keys.schedule(queue) }),
  args: [],
  lua: `
if redis.call('EXISTS', schedule) == 0 then return end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local even = math.max(now, tonumber(redis.call('HGET', schedule, 'even') or '0'))
redis.call('HSET', schedule, 'bank', 0, 'even', string.format('%.0f', even))
`,
  read: ignored,
});
