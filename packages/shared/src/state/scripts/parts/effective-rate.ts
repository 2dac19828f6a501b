import { gateHaste, gateWindowMs } from '../../../policy/pace.ts';

/**
 * The effective rate of a queue whose upstream rejects more than the policy foresees. Lua functions, for the scripts
 * that ask for it (permit) and that lower it (hold).
 *
 * State: hash `flow` { low, ceiling: requests per second; until: µs; paceUs: what the gate was last set to }.
 * A rejection lowers the rate, once per congestion: a request that was sent before `until` met the same congestion.
 * Afterwards it climbs from `low` to 95 % of the ceiling it met in 10 units, stays there for 30, then rises by 1 % of
 * the policy's rate per unit until it is reached and the state is dropped. A unit is the policy's window, at least
 * 1 s and at most 60 s, since an upstream's memory is about that long.
 */
export const effectiveRateLua = `
local function setGate(meta, policy, pace)
  local max = math.max(1, math.floor(${gateWindowMs * 1000} / pace))
  local permits = max * pace / 1000
  local duration = math.max(1, math.ceil(permits - math.min(${gateHaste.share} * permits, ${gateHaste.mostMs})))
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
`;
