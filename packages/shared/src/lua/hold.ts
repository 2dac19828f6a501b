import { closedGate } from '../pace.ts';
import type { Script } from './script.ts';

/**
 * A refusal: counts it and, when the upstream said for how long, holds its origin. A hold is only ever extended,
 * so of many refusals with different waits the longest stands. If the policy names the origin, the gate is closed
 * too and nothing more is taken; a window that ends later than the hold is not cut short.
 *
 * KEYS  policy, holds, limiter, stats
 * ARGV  1 origin, 2 hold (ms, 0: none was asked for), 3 channel, 4 message published when the hold grew, 5 refused (0 | 1)
 * Returns ms that the origin is now held for
 */
export const holdScript: Script = {
  name: 'sluiceHold',
  keys: 4,
  lua: `
if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[4], 'refused', 1) end
local time = redis.call('TIME')
local now = math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000)
local held = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '0')
local asked = tonumber(ARGV[2])
if asked > 0 and now + asked > held then
  held = now + asked
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
  redis.call('ZADD', KEYS[2], string.format('%.0f', held), ARGV[1])
  if redis.call('HGET', KEYS[1], 'origin') == ARGV[1] then
    local ttl = redis.call('PTTL', KEYS[3])
    if asked > ttl then ttl = asked end
    redis.call('SET', KEYS[3], '${closedGate}', 'PX', string.format('%.0f', ttl))
  end
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return math.max(0, held - now)
`,
};
