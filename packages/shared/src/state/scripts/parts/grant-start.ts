import { burstPermit } from '../../../policy/pace.ts';

/**
 * How the permit script grants a start. Lua functions over a schedule that was read (parts/schedule.ts) and the log of
 * starts (parts/start-log.ts), which alone keeps the window: the schedule says how starts are spread in it.
 *
 * - A backlog starts evenly, every `paceUs`. A late start leaves the schedule where it is, so those after it follow at 1.3
 *   times the pace until they are back on it: by an eighth of the window at most, and only while jobs wait. Faster would
 *   make up for more of a stall, and be a bump to the upstream: of a tenth of the window, 1.3 times its share is the most.
 * - Time in which the queue was open, served and empty earns starts that may leave at once, up to the policy's burst. Each
 *   may be used for longer than others: they leave in one turn of a worker's loop.
 */
export const grantStartLua = `
-- Brings in what happened without us: workers of 0.1 granted starts, or the clock was set back.
local function catchUp(s, starts, pace, terms, paceUs, now, longest, sent)
  local older = sent - s.sent
  if not s.isKnown then
    -- What was sent in the last window is not known. It went at an even pace, and so it goes on.
    s.due = math.min(tonumber(redis.call('GET', pace) or '0'), now + longest + paceUs)
    s.even, s.calm = now + terms.spanUs, now + terms.spanUs
  elseif older > 0 then
    -- At the latest times that they can have.
    local latest = math.max(now, tonumber(redis.call('GET', pace) or '0') - paceUs)
    logStarts(starts, latest, older, terms.spanUs, terms.cellUs, now)
    s.logged = s.logged + older
    s.last, s.floor, s.due = math.max(s.last, latest), math.max(s.floor, latest), math.max(s.due, latest + paceUs)
    s.bank, s.even, s.calm = 0, now + math.max(60000000, terms.spanUs), now + terms.spanUs
  end
  if s.last > now + longest + paceUs then
    redis.call('DEL', starts)
    s.logged, s.bank, s.last, s.floor, s.due = 0, 0, now, now, now + paceUs
    s.even, s.calm = now + terms.spanUs, now + terms.spanUs
  end
  s.sent = sent
end

-- The queue was empty from the start that was due last until this job came, if none waited then and this one did not
-- wait long: else the queue was not served.
local function earn(s, terms, paceUs, now, waitedMs)
  if terms.burst <= 1 then s.bank = 0 return end
  if s.waiting or waitedMs < 0 or waitedMs > 1000 then return end
  local emptyUs = now - waitedMs * 1000 - math.max(s.due, s.even)
  if emptyUs > 0 then s.bank = math.min(terms.burst - 1, s.bank + emptyUs / paceUs) end
end

local function nextStart(s, paceUs, now)
  if s.bank >= 1 then return math.max(now, s.floor) end
  return math.max(now, s.floor, s.due, s.last + leastGap(paceUs))
end

-- From when on the window has room for one more.
local function roomAfter(s, starts, limit, terms)
  local oldest = s.logged >= limit and redis.call('LINDEX', starts, 0)
  return oldest and tonumber(oldest) + terms.spanUs or 0
end

-- Returns the start, and its end in the log; no end where the start is too far away, and nothing is granted.
local function grant(s, starts, terms, paceUs, limit, now, longest, extraUs, jobsWait)
  local usableUs = extraUs
  if s.bank >= 1 then usableUs = math.max(extraUs, math.min(terms.spanUs * ${burstPermit.share}, ${1000 * burstPermit.mostMs})) end
  local wanted = nextStart(s, paceUs, now)
  local start, gone, pairsGone = roomFrom(starts, s.logged, limit, terms.spanUs, wanted)
  if start - now > longest then return start end
  if pairsGone > 0 then redis.call('LPOP', starts, 2 * pairsGone) end
  local last = logStarts(starts, math.ceil(start + usableUs), 1, terms.spanUs, terms.cellUs, now)
  s.logged = s.logged - gone + 1
  if start < s.due then
    s.bank = s.bank - 1
  else
    local credit = 0
    if s.waiting and now >= s.calm and paceUs == terms.paceUs then credit = math.min(terms.spanUs / 8, 1000000) end
    s.due = math.max(s.due, start - credit) + paceUs + math.floor(extraUs / limit)
  end
  s.last, s.floor, s.waiting = start, start, jobsWait
  return start, last
end
`;
