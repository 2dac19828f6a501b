/**
 * The log of starts of a paced queue: what keeps the window. Lua functions, for the scripts that grant starts (permit),
 * take them back (give-back) and count them (hold).
 *
 * State: list `starts` of pairs `end, count`, ends ascending, µs of Redis' clock. A permit may be used until its end and
 * half the slack. With cells, an end is that of its cell: a limit of a billion takes no more room than one of 512.
 *
 * Why no window holds more than the limit, whatever stalls, stops or dies:
 * - A start `s` is granted only where fewer than `limit` starts of the log have an end after `s - span`.
 * - Take `limit + 1` requests of one window of `per`, and of them the one that was granted last, at `s`. One of the
 *   others then has an end at or before `s - span`, or was taken back and never sent.
 * - It left by its end + slack / 2, so it arrived by its end + slack <= s - per. The last one arrives at `s` or later. Two
 *   arrivals that lie `per` apart are not in one window.
 * - Rounding an end up, and pushing none before the newest, make ends later, which keeps the rule. Starts are granted in
 *   ascending order, so what has left the window of one start is in that of no later one.
 * It rests on the slack for the network's lateness, and on Redis' clock, which must not be set forward.
 */
export const startLogLua = `
-- The first time from \`start\` on at which the window has room; how many starts and pairs have left it by then.
local function roomFrom(starts, logged, limit, spanUs, start)
  local gone, pairsGone, from, chunk = 0, 0, 0, {}
  while true do
    local i = 2 * pairsGone - from + 1
    if not chunk[i] then
      from = 2 * pairsGone
      chunk = redis.call('LRANGE', starts, from, from + 15)
      i = 1
      -- The log has expired, or all of it has left.
      if not chunk[1] then return start, logged, pairsGone end
    end
    local free = tonumber(chunk[i]) + spanUs
    if free > start then
      if logged - gone < limit then return start, gone, pairsGone end
      start = free
    end
    gone = gone + tonumber(chunk[i + 1])
    pairsGone = pairsGone + 1
  end
end

-- Adds \`count\` starts that may be used until \`last\`. Returns the end under which they are in the log.
local function logStarts(starts, last, count, spanUs, cellUs, now)
  if cellUs > 0 then last = math.ceil(last / cellUs) * cellUs end
  local newest = redis.call('LRANGE', starts, -2, -1)
  if newest[1] and tonumber(newest[1]) >= last then
    last = tonumber(newest[1])
    redis.call('LSET', starts, -1, tonumber(newest[2]) + count)
  else
    redis.call('RPUSH', starts, string.format('%.0f', last), count)
  end
  redis.call('PEXPIRE', starts, math.ceil((last + spanUs - now) / 1000) + 1000)
  return string.format('%.0f', last)
end

-- Takes one start off the log. False: it has left the window.
local function unlogStart(starts, last)
  local at = redis.call('LPOS', starts, last)
  if not at then return false end
  local count = tonumber(redis.call('LINDEX', starts, at + 1))
  if count > 1 then
    redis.call('LSET', starts, at + 1, count - 1)
  else
    redis.call('LSET', starts, at, '-')
    redis.call('LSET', starts, at + 1, '-')
    redis.call('LREM', starts, 2, '-')
  end
  return true
end

-- Starts of the log in the \`spanUs\` before a time.
local function startsBefore(starts, time, spanUs)
  local log, count = redis.call('LRANGE', starts, 0, -1), 0
  for i = 1, #log, 2 do
    local last = tonumber(log[i])
    if last <= time and last > time - spanUs then count = count + tonumber(log[i + 1]) end
  end
  return count
end
`;
