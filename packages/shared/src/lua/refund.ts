import { closedGate } from '../pace.ts';
import { type Script, whenFull } from './script.ts';

/**
 * Lua function `refund(limiterKey, window, age)`: takes one job off the count of BullMQ's limiter, if the window in
 * which the job was taken (`age` ms ago; negative: it holds no token) still runs and the gate is not closed.
 */
export const refundLua = `
local function refund(limiter, window, age)
  local taken = tonumber(redis.call('GET', limiter) or '0')
  if age < 0 or taken < 1 or taken >= ${closedGate} then return 0 end
  if age > window - redis.call('PTTL', limiter) then return 0 end
  redis.call('DECR', limiter)
  return 1
end
`;

/**
 * Whoever sends nothing pays nothing: gives the gate's token of a taken job back.
 *
 * KEYS  policy, limiter
 * ARGV  1 ms since the job was taken
 * Returns 1 when a token was given back
 */
export const refundScript: Script = {
  name: 'sluiceRefund',
  keys: 2,
  lua: `${whenFull}${refundLua}
local window = tonumber(redis.call('HGET', KEYS[1], 'window') or '0')
return refund(KEYS[2], window, tonumber(ARGV[1]))
`,
};
