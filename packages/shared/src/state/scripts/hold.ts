import { defineScript } from '../define-script.ts';
import { effectiveRateLua } from './parts/effective-rate.ts';
import { evenPaceLua } from './parts/even-pace.ts';
import { gateTokenLua } from './parts/gate-token.ts';
import { rateTermsLua } from './parts/rate-terms.ts';
import { startLogLua } from './parts/start-log.ts';

/**
 * The upstream asked for quiet. A rejection is counted, and lowers the effective rate of a queue whose policy names this
 * origin, once per congestion. When the upstream said for how long, its origin is held. A hold is only ever extended, so
 * of many rejections with different waits the longest stands. If the policy names the origin, the gate is closed too and
 * nothing more is taken; a window that ends later than the hold is not cut short.
 *
 * origin        that is held
 * askedMs       how long; 0: the upstream did not say
 * channel       where `message` is published when the hold grew
 * rejectedAgeMs since the rejected request was sent; -1: it was not rejected
 *
 * Answer: ms that the origin is now held for.
 */
export const holdScript = defineScript({
  keys: (keys, queue: string) => ({
    policy: keys.policy(queue),
    holds: keys.holds(queue),
    limiter: keys.bull(queue).limiter,
    stats: keys.stats(queue),
    flow: keys.flow(queue),
    starts: keys.starts(queue),
    schedule: keys.schedule(queue),
  }),
  args: ['origin', 'askedMs', 'channel', 'message', 'rejectedAgeMs'],
  whenFull: true,
  parts: [gateTokenLua, rateTermsLua, startLogLua, evenPaceLua, effectiveRateLua],
  lua: `
local terms = rateTerms(policy)
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(nowUs / 1000)
local asked = tonumber(askedMs)
local age = tonumber(rejectedAgeMs)

if age >= 0 then
  redis.call('HINCRBY', stats, 'refused', 1)
  -- In a queue of many origins one that rejects says nothing of the others: it is held, and they keep the rate.
  if terms and terms.paceUs > 0 and terms.origin == origin then
    slowDown(flow, starts, terms, nowUs, nowUs - age * 1000, asked * 1000)
    startEvenly(schedule, nowUs + 3600000000)
  end
end

local held = tonumber(redis.call('ZSCORE', holds, origin) or '0')
if asked > 0 and now + asked > held then
  held = now + asked
  redis.call('ZREMRANGEBYSCORE', holds, '-inf', string.format('%.0f', now))
  redis.call('ZADD', holds, string.format('%.0f', held), origin)
  if redis.call('PTTL', holds) < asked + 60000 then redis.call('PEXPIRE', holds, asked + 60000) end
  if terms and terms.paceUs > 0 then startEvenly(schedule, held * 1000) end
  if terms and terms.origin == origin then closeGate(limiter, asked) end
  redis.call('PUBLISH', channel, message)
end
return math.max(0, held - now)
`,
  read: Number,
});
