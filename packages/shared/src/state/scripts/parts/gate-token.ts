import { closedGate } from '../../../policy/pace.ts';

/**
 * Lua function `refund(limiterKey, window, age)`: takes one job off the count of BullMQ's limiter, if the window in
 * which the job was taken (`age` ms ago; negative: it holds no token) still runs and the gate is not closed.
 */
export const gateTokenLua = `
local function refund(limiter, window, age)
  local taken = tonumber(redis.call('GET', limiter) or '0')
  if age < 0 or taken < 1 or taken >= ${closedGate} then return 0 end
  if age > window - redis.call('PTTL', limiter) then return 0 end
  redis.call('DECR', limiter)
  return 1
end
`;
