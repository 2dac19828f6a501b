import { defineScript, isOne } from '../define-script.ts';

/** With no worker for so long there is no run whose lock could have run out, ms. */
const keptMs = 86_400_000;

/**
 * May jobs without a lock be taken for stalled now? While Redis is away or frozen no lock can be renewed, and all run
 * out together; when it is back, the workers take theirs back (keep-lock.ts), and must be given the time. That it was
 * away shows on its own clock: nobody in the fleet has looked for longer than workers ever pause.
 *
 * pauseMs    longest pause between two looks while Redis is there
 * allBackMs  time that workers need to be back
 */
export const stalledLookScript = defineScript({
  keys: (keys, queue: string) => ({ look: keys.stalledLook(queue), policy: keys.policy(queue) }),
  args: ['pauseMs', 'allBackMs'],
  lua: `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local seen = redis.call('HMGET', look, 'last', 'notBefore')
-- The first look of all: no worker has a job.
local last = tonumber(seen[1] or now)
local notBefore = tonumber(seen[2] or '0')
if now - last > tonumber(pauseMs) then notBefore = now + tonumber(allBackMs) end
-- Of a queue that was removed nothing is noted.
if redis.call('EXISTS', policy) == 0 then return 1 end
-- As text: a number of its size would be written with an exponent.
redis.call('HSET', look, 'last', string.format('%.0f', now), 'notBefore', string.format('%.0f', notBefore))
redis.call('PEXPIRE', look, ${keptMs})
return now >= notBefore and 1 or 0
`,
  read: isOne,
});
