import { catchUpSpeed, gateHaste, gateWindowMs } from '../../../policy/pace.ts';

/**
 * The schedule of a paced queue: when its next start is due. Lua functions, for the scripts that grant and take back.
 *
 * State: hash `schedule`, without a TTL. Times in µs of Redis' clock.
 *   due      of the next start, had all been in time: a start that comes late leaves it where it is
 *   last     the start that was granted last; earlier by the least distance, where that was taken back
 *   floor    no start is granted before it: what had left the window by then is off the log
 *   bank     starts that idle time has earned
 *   even     no time before it earns
 *   calm     until then late starts are not made up for: what was sent before is not known
 *   waiting  1: jobs waited when the last start was granted
 *   logged   starts in the log
 *   sent     requests of the queue's `stats`, as far as they are in the log: 0.1 counts there, and knows no log
 *   gate     what BullMQ's limit was set to
 */
export const scheduleLua = `
local function readSchedule(schedule)
  local s = redis.call('HMGET', schedule, 'due', 'last', 'bank', 'even', 'calm', 'waiting', 'logged', 'sent', 'gate', 'floor')
  return {
    isKnown = s[1] ~= false, due = tonumber(s[1] or '0'), last = tonumber(s[2] or '0'), bank = tonumber(s[3] or '0'),
    even = tonumber(s[4] or '0'), calm = tonumber(s[5] or '0'), waiting = s[6] == '1', logged = tonumber(s[7] or '0'),
    sent = tonumber(s[8] or '0'), gate = s[9], floor = tonumber(s[10] or '0'),
  }
end

local function writeSchedule(schedule, s)
  redis.call('HSET', schedule,
    'due', string.format('%.0f', s.due), 'last', string.format('%.0f', s.last), 'bank', string.format('%.3f', s.bank),
    'even', string.format('%.0f', s.even), 'calm', string.format('%.0f', s.calm), 'waiting', s.waiting and 1 or 0,
    'logged', s.logged, 'sent', s.sent, 'floor', string.format('%.0f', s.floor))
end

-- Starts are never closer, but those that idle time has earned.
local function leastGap(paceUs)
  return math.floor(paceUs / ${catchUpSpeed})
end

-- Takes back a start that nobody uses: it was not sent, is off the log, and due again; or saved up again, where no jobs wait.
local function takeBack(starts, schedule, stats, terms, start, last)
  redis.call('HINCRBY', stats, 'sent', -1)
  redis.call('HINCRBY', schedule, 'sent', -1)
  if not unlogStart(starts, last) then return false end
  local s = redis.call('HMGET', schedule, 'due', 'last', 'waiting', 'bank')
  redis.call('HINCRBY', schedule, 'logged', -1)
  local bank = tonumber(s[4] or '0')
  if s[3] == '0' and bank < terms.burst - 1 then
    redis.call('HSET', schedule, 'bank', string.format('%.3f', math.min(terms.burst - 1, bank + 1)))
  else
    redis.call('HSET', schedule, 'due', string.format('%.0f', tonumber(s[1] or '0') - terms.paceUs))
  end
  -- Nobody came after it: the next start may be where it was.
  if s[2] == start then
    redis.call('HSET', schedule, 'last', string.format('%.0f', tonumber(start) - leastGap(terms.paceUs)))
  end
  return true
end

-- BullMQ's limit for starts that lie \`paceUs\` apart; \`atOnce\`: as many jobs may be taken at once.
local function setGate(meta, policy, schedule, shown, paceUs, atOnce)
  local max = math.max(1, math.floor(${gateWindowMs * 1000} / paceUs))
  local permits = max * paceUs / 1000
  local duration = math.max(1, math.ceil(permits - math.min(${gateHaste.share} * permits, ${gateHaste.mostMs})))
  max = math.max(max, atOnce)
  local gate = max .. '/' .. duration
  if gate == shown then return end
  redis.call('HSET', meta, 'max', max, 'duration', duration)
  redis.call('HSET', policy, 'window', duration)
  redis.call('HSET', schedule, 'gate', gate)
end
`;
