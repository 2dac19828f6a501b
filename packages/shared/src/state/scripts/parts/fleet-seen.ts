/** With no worker for so long there is no run whose lock could have run out, ms. */
const keptMs = 86_400_000;

/**
 * Lua: `redisNow()`, epoch ms, and `mayJudge(sweeper, now, pauseMs, allBackMs)`.
 *
 * May jobs without a lock be taken for stalled now? While Redis is away or frozen no lock can be renewed, and all run
 * out together; when it is back, the workers take theirs back (keep-lock.ts), and must be given the time. That it was
 * away shows on its own clock: nobody in the fleet was seen for longer than workers ever pause.
 *
 * pauseMs    longest pause between two signs of life while Redis is there
 * allBackMs  time that workers need to be back
 */
export const fleetSeenLua = `
local function redisNow()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function mayJudge(sweeper, now, pauseMs, allBackMs)
  local seen = redis.call('HMGET', sweeper, 'last', 'notBefore')
  -- The first sign of life of all: no worker has a job.
  local last = tonumber(seen[1] or now)
  -- Never further off, even when Redis' clock was set back.
  local notBefore = math.min(tonumber(seen[2] or '0'), now + tonumber(allBackMs))
  if now - last > tonumber(pauseMs) then notBefore = now + tonumber(allBackMs) end
  -- As text: a number of its size would be written with an exponent.
  redis.call('HSET', sweeper, 'last', string.format('%.0f', now), 'notBefore', string.format('%.0f', notBefore))
  redis.call('PEXPIRE', sweeper, ${keptMs})
  return now >= notBefore
end
`;
