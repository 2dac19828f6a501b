import { closedGate } from '../pace.ts';
import type { Script } from './script.ts';

/**
 * An operator lifts the holds of a queue: all, or one origin's. A gate that a hold closed opens again.
 *
 * KEYS  holds, limiter, put-off jobs
 * ARGV  1 origin ('' all), 2 channel, 3 message
 * Returns { number of holds lifted, ids of the jobs that were put off because of a hold }
 */
export const releaseScript: Script = {
  name: 'sluiceRelease',
  keys: 3,
  lua: `
local lifted
if ARGV[1] == '' then
  lifted = redis.call('ZCARD', KEYS[1])
  redis.call('DEL', KEYS[1])
else
  lifted = redis.call('ZREM', KEYS[1], ARGV[1])
end
if tonumber(redis.call('GET', KEYS[2]) or '0') >= ${closedGate} then redis.call('DEL', KEYS[2]) end
local jobs = redis.call('ZRANGE', KEYS[3], 0, -1)
redis.call('DEL', KEYS[3])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {lifted, jobs}
`,
};
