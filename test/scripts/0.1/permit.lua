#!lua flags=allow-oom
local policy, pace, holds, limiter, cancelMark, outcome, stats, flow, meta, putOffJobs = unpack(KEYS)
local origin, longestMs, ageMs, id = unpack(ARGV)

local function refund(limiter, window, age)
  local taken = tonumber(redis.call('GET', limiter) or '0')
  if age < 0 or taken < 1 or taken >= 9007199254740991 then return 0 end
  if age > window - redis.call('PTTL', limiter) then return 0 end
  redis.call('DECR', limiter)
  return 1
end

local function setGate(meta, policy, pace)
  local max = math.max(1, math.floor(250000 / pace))
  local permits = max * pace / 1000
  local duration = math.max(1, math.ceil(permits - math.min(0.05 * permits, 300)))
  redis.call('HSET', meta, 'max', max, 'duration', duration)
  redis.call('HSET', policy, 'window', duration)
end

local function climbed(low, ceiling, full, units)
  local knee = math.max(low, 0.95 * ceiling)
  if units < 10 then return low + (knee - low) * math.max(0, units) / 10 end
  return knee + full * 0.01 * math.max(0, units - 40)
end

-- The pace in force now, µs. full: the policy's pace; unit: µs, 0 = the policy is not adaptive.
local function effectivePace(flow, meta, policy, full, unit, now)
  if unit == 0 then return full end
  local state = redis.call('HMGET', flow, 'low', 'ceiling', 'until', 'paceUs')
  if not state[1] then return full end
  local rate = climbed(tonumber(state[1]), tonumber(state[2]), 1000000 / full, (now - tonumber(state[3])) / unit)
  local pace = math.ceil(1000000 / rate)
  if pace <= full then
    redis.call('DEL', flow)
    setGate(meta, policy, full)
    return full
  end
  local shown = tonumber(state[4])
  if math.abs(pace - shown) > 0.02 * shown then
    redis.call('HSET', flow, 'paceUs', pace)
    setGate(meta, policy, pace)
  end
  return pace
end

-- A request sent at sentAt (µs) was rejected; memory: µs that further rejections belong to the same congestion.
local function slowDown(flow, meta, policy, full, unit, now, sentAt, memory)
  if unit == 0 then return end
  local state = redis.call('HMGET', flow, 'low', 'until')
  local since = tonumber(state[2] or '0')
  if sentAt <= since then return end
  local rate = 1000000 / effectivePace(flow, meta, policy, full, unit, now)
  local low = 0.7 * rate
  -- What was kept up for a whole unit without a rejection is not given up because a little more was rejected.
  if state[1] and now - since > unit then low = math.max(low, 0.95 * tonumber(state[1])) end
  local pace = math.ceil(1000000 / low)
  redis.call('HSET', flow, 'low', low, 'ceiling', rate, 'until', string.format('%.0f', now + math.max(unit, memory)), 'paceUs', pace)
  redis.call('PEXPIRE', flow, 86400000)
  setGate(meta, policy, pace)
end

local function closeGate(ms)
  local ttl = redis.call('PTTL', limiter)
  if ms > ttl then ttl = ms end
  redis.call('SET', limiter, '9007199254740991', 'PX', string.format('%.0f', ttl))
end

local terms = redis.call('HMGET', policy, 'paceUs', 'window', 'origin', 'unitUs')
if not terms[1] then return {5, 0} end
local window = tonumber(terms[2])
local age = tonumber(ageMs)

if redis.call('EXISTS', cancelMark) == 1 then refund(limiter, window, age) return {1, 0} end
if redis.call('EXISTS', outcome) == 1 then refund(limiter, window, age) return {2, 0} end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Early by more than timers are: the clock of the worker that promoted it is fast.
local putOff = math.ceil(tonumber(redis.call('ZSCORE', putOffJobs, id) or '0') - now / 1000)
if putOff > 200 then refund(limiter, window, age) return {6, putOff} end

local heldUntil = tonumber(redis.call('ZSCORE', holds, origin) or '0')
local heldFor = math.ceil(heldUntil - now / 1000)
if heldFor > 0 then
  if terms[3] == origin then closeGate(heldFor) else refund(limiter, window, age) end
  return {3, heldFor}
end

local paceUs = tonumber(terms[1])
local wait = 0
local reserved, following = '', ''
if paceUs > 0 then
  paceUs = effectivePace(flow, meta, policy, paceUs, tonumber(terms[4]), now)
  local longest = tonumber(longestMs) * 1000
  local start = tonumber(redis.call('GET', pace) or '0')
  -- No reservation reaches this far: the clock was set back.
  if start > now + longest + paceUs then start = now + paceUs end
  if start < now then start = now end
  wait = start - now
  if wait > longest then
    closeGate(math.ceil(wait / 1000))
    return {4, math.ceil(wait / 1000)}
  end
  reserved, following = string.format('%.0f', start), string.format('%.0f', start + paceUs)
  redis.call('SET', pace, following, 'PX', string.format('%.0f', math.ceil((wait + paceUs) / 1000) + 1000))
  -- The gate stays shut until the permits granted so far last only a little longer.
  local shut = math.floor((wait + paceUs) / 1000) - 100
  local ttl = redis.call('PTTL', limiter)
  if ttl >= 0 and shut > ttl then redis.call('PEXPIRE', limiter, shut) end
end
redis.call('HINCRBY', stats, 'sent', 1)
return {0, wait, reserved, following}
