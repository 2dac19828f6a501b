import { closedGate } from '../pace.ts';
import { flowLua } from './flow.ts';
import { type Script, whenFull } from './script.ts';

/**
 * The upstream asked for quiet. A refusal is counted, and lowers the effective rate of a queue whose policy names this
 * origin, once per congestion. When the
 * upstream said for how long, its origin is held. A hold is only ever extended, so of many refusals with different
 * waits the longest stands. If the policy names the origin, the gate is closed too and nothing more is taken; a
 * window that ends later than the hold is not cut short.
 *
 * KEYS  policy, holds, limiter, stats, flow, meta
 * ARGV  1 origin, 2 hold (ms, 0: none was asked for), 3 channel, 4 message published when the hold grew,
 *       5 ms since the refused request was sent (-1: it was not refused)
 * Returns ms that the origin is now held for
 */
export const holdScript: Script = {
  name: 'sluiceHold',
  keys: 6,
  lua: `${whenFull}${flowLua}
local policy = redis.call('HMGET', KEYS[1], 'origin', 'paceUs', 'unitUs')
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(nowUs / 1000)
local asked = tonumber(ARGV[2])
local age = tonumber(ARGV[5])

if age >= 0 then
  redis.call('HINCRBY', KEYS[4], 'refused', 1)
  local pace = tonumber(policy[2] or '0')
  -- In a queue of many origins one that refuses says nothing of the others: it is held, and they keep the rate.
  if pace > 0 and policy[1] == ARGV[1] then
    slowDown(KEYS[5], KEYS[6], KEYS[1], pace, tonumber(policy[3]), nowUs, nowUs - age * 1000, asked * 1000)
  end
end

local held = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '0')
if asked > 0 and now + asked > held then
  held = now + asked
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
  redis.call('ZADD', KEYS[2], string.format('%.0f', held), ARGV[1])
  if redis.call('PTTL', KEYS[2]) < asked + 60000 then redis.call('PEXPIRE', KEYS[2], asked + 60000) end
  if policy[1] == ARGV[1] then
    local ttl = redis.call('PTTL', KEYS[3])
    if asked > ttl then ttl = asked end
    redis.call('SET', KEYS[3], '${closedGate}', 'PX', string.format('%.0f', ttl))
  end
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return math.max(0, held - now)
`,
};
