/**
 * The effective rate of a queue whose upstream rejects more than the policy foresees. Lua functions, for the scripts
 * that ask for it (permit) and that lower it (hold).
 *
 * State: hash `flow` { low, ceiling: requests per second; until: µs; paceUs: what is shown }.
 * When the upstream rejects, the requests that it accepted in the last window are its limit: the effective rate is 98 %
 * of them, once per congestion: a request that was sent before `until` met the same congestion. It stays there for 40
 * units, then rises by 1 % of the policy's rate per unit until it is reached and the state is dropped. A unit is the
 * policy's window, at least 1 s and at most 60 s, since an upstream's memory is about that long.
 * Where the count says nothing (all that the policy allows was accepted, as with an upstream of a longer window) the rate
 * falls by 30 %; one congestion takes no more than half.
 */
export const effectiveRateLua = `
local function climbed(low, ceiling, full, units)
  local knee = math.max(low, 0.95 * ceiling)
  if units < 10 then return low + (knee - low) * math.max(0, units) / 10 end
  return knee + full * 0.01 * math.max(0, units - 40)
end

-- The pace in force now, µs, and the starts that a window may hold.
local function effectiveRate(flow, terms, now)
  if terms.unitUs == 0 then return terms.paceUs, terms.limit end
  local state = redis.call('HMGET', flow, 'low', 'ceiling', 'until', 'paceUs')
  if not state[1] then return terms.paceUs, terms.limit end
  local rate = climbed(tonumber(state[1]), tonumber(state[2]), 1000000 / terms.paceUs, (now - tonumber(state[3])) / terms.unitUs)
  local pace = math.ceil(1000000 / rate)
  if pace <= terms.paceUs then
    redis.call('DEL', flow)
    return terms.paceUs, terms.limit
  end
  local shown = tonumber(state[4])
  if math.abs(pace - shown) > 0.02 * shown then redis.call('HSET', flow, 'paceUs', pace) end
  return pace, math.max(1, math.floor((terms.spanUs + terms.cellUs) / pace + 0.001))
end

-- A request sent at sentAt (µs) was rejected; memory: µs that further rejections belong to the same congestion.
local function slowDown(flow, starts, terms, now, sentAt, memory)
  if terms.unitUs == 0 then return end
  local state = redis.call('HMGET', flow, 'low', 'until')
  local since = tonumber(state[2] or '0')
  if sentAt <= since then return end
  local pace, limit = effectiveRate(flow, terms, now)
  local rate = 1000000 / pace
  -- Without the one that was rejected.
  local accepted = startsBefore(starts, sentAt, terms.spanUs) - 1
  local ceiling, low = rate, 0.7 * rate
  if accepted < limit - 1 then
    ceiling = rate * math.max(0.5, accepted / limit)
    low = 0.98 * ceiling
  end
  -- What was kept up for a whole unit without a rejection is not given up because a little more was rejected.
  if state[1] and now - since > terms.unitUs then low = math.max(low, 0.95 * tonumber(state[1])) end
  -- Once a day is asked often enough.
  low = math.max(low, math.min(rate, 1 / 86400))
  redis.call('HSET', flow, 'low', low, 'ceiling', ceiling, 'until', string.format('%.0f', now + math.max(terms.unitUs, memory)), 'paceUs', math.ceil(1000000 / low))
  redis.call('PEXPIRE', flow, 86400000)
end
`;
