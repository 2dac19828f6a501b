import { defineScript } from '../define-script.ts';
import { gateTokenLua } from './parts/gate-token.ts';

/**
 * Gives back what a run has not used: the gate token that its job was taken with, and its permit. Whoever sends nothing
 * pays nothing. The start of a permit is free again if no other was granted after it: at one request an hour, a worker
 * that is stopped in the wrong moment would cost the hour.
 *
 * start   of the permit (µs of Redis' clock); '' there is no rate, '-' no permit was granted
 * next    the start after it
 * ageMs   since the job was taken; -1: it keeps its gate token, or has none
 *
 * Answer: the start is free again, and the gate token was given back.
 */
export const giveBackScript = defineScript({
  keys: (keys, queue: string) => ({
    policy: keys.policy(queue),
    pace: keys.pace(queue),
    limiter: keys.bull(queue).limiter,
    stats: keys.stats(queue),
  }),
  args: ['start', 'next', 'ageMs'],
  whenFull: true,
  parts: [gateTokenLua],
  lua: `
local age = tonumber(ageMs)
local window = tonumber(redis.call('HGET', policy, 'window') or '0')
local isLast = false
if start ~= '-' then
  redis.call('HINCRBY', stats, 'sent', -1)
  isLast = start ~= '' and redis.call('GET', pace) == next
  if isLast then redis.call('SET', pace, start, 'KEEPTTL') end
  -- The permit may have kept the gate shut for longer than its window; nobody came after it.
  if isLast then window = math.max(window, redis.call('PTTL', limiter) + age) end
end
return {isLast and 1 or 0, refund(limiter, window, age)}
`,
  read: (reply) => {
    const [start, token] = reply as [number, number];
    return { start: start === 1, token: token === 1 };
  },
});
