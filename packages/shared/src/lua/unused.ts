import { refundLua } from './refund.ts';
import { type Script, whenFull } from './script.ts';

/**
 * Takes a permit back that nothing was sent on. Its start is free again if no other was granted after it: at one
 * request an hour, a worker that is stopped in the wrong moment would cost the hour.
 *
 * KEYS  policy, pace, limiter, stats
 * ARGV  1 start of the permit (µs of Redis' clock; '' there is no rate), 2 the start after it, 3 ms since the job was
 *       taken (-1: it keeps its gate token, or has none)
 * Returns 1 when the start is free again
 */
export const unusedScript: Script = {
  name: 'sluiceUnused',
  keys: 4,
  lua: `${whenFull}${refundLua}
redis.call('HINCRBY', KEYS[4], 'sent', -1)
local isLast = ARGV[1] ~= '' and redis.call('GET', KEYS[2]) == ARGV[2]
if isLast then redis.call('SET', KEYS[2], ARGV[1], 'KEEPTTL') end
local window = tonumber(redis.call('HGET', KEYS[1], 'window') or '0')
-- The permit may have kept the gate shut for longer than its window; nobody came after it.
if isLast then window = math.max(window, redis.call('PTTL', KEYS[3]) + tonumber(ARGV[3])) end
refund(KEYS[3], window, tonumber(ARGV[3]))
return isLast and 1 or 0
`,
};
