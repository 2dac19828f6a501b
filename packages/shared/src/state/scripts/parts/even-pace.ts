/**
 * Lua function `startEvenly(schedule, time)`: what idle time has earned is lost, and no time before `time` (µs of Redis'
 * clock) earns. See parts/schedule.ts.
 */
export const evenPaceLua = `
local function startEvenly(schedule, time)
  local even = math.max(time, tonumber(redis.call('HGET', schedule, 'even') or '0'))
  redis.call('HSET', schedule, 'bank', 0, 'even', string.format('%.0f', even))
end
`;
