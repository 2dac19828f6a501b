import { closedGate } from '../../../policy/pace.ts';

/**
 * Lua functions for BullMQ's limiter key.
 *
 * `refund(limiterKey, terms, age)`: takes one job off the count, if the gate is not closed. `age`: ms since the job was
 * taken; negative: it holds no token. Where the gate alone keeps the rate (a fixed window), only in the window in which
 * the job was taken. A paced queue's permits keep the rate, and stretch the windows of its gate.
 *
 * `closeGate(limiterKey, ms)`: nothing is taken for so long; a gate that is closed for longer stays so.
 */
export const gateTokenLua = `
local function refund(limiter, terms, age)
  local taken = tonumber(redis.call('GET', limiter) or '0')
  if age < 0 or taken < 1 or taken >= ${closedGate} then return 0 end
  if terms.paceUs == 0 and age > terms.window - redis.call('PTTL', limiter) then return 0 end
  redis.call('DECR', limiter)
  return 1
end

local function closeGate(limiter, ms)
  local ttl = redis.call('PTTL', limiter)
  if ms > ttl then ttl = ms end
  redis.call('SET', limiter, '${closedGate}', 'PX', string.format('%.0f', ttl))
end
`;
