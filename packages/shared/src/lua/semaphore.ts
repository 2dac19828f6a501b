import type { Script } from './script.ts';

/**
 * State of a semaphore, times in ms of Redis' clock:
 *   holders  sorted set: token -> end of its lease
 *   tickets  sorted set: waiting token -> its number, in the order of arrival
 *   waiters  sorted set: waiting token -> until when it is believed to be alive; it says so again at each try
 *   state    hash { n, next: the last number given }
 * All go with their TTL when nobody holds or waits any more.
 */
const common = `
local holders, tickets, waiters, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- The dead leave: holders whose lease ended, waiters that have not asked for long.
local function bury()
  redis.call('ZREMRANGEBYSCORE', holders, '-inf', now)
  for _, token in ipairs(redis.call('ZRANGE', waiters, '-inf', now, 'BYSCORE')) do
    redis.call('ZREM', tickets, token)
    redis.call('ZREM', waiters, token)
  end
end

-- Never shortened: others may have longer leases.
local function keep(ms)
  for _, key in ipairs(KEYS) do
    if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
  end
end

local function free()
  return tonumber(redis.call('HGET', state, 'n') or '0') - redis.call('ZCARD', holders)
end
`;

/** What the acquire script answers. */
export const acquireVerdicts = { acquired: 1, waiting: 0, conflict: -1 } as const;

/**
 * Asks for a place, once or again. Places go in the order of the first asking. A second asking of one who has a place
 * (its answer was lost) gets it again.
 *
 * KEYS  holders, tickets, waiters, state
 * ARGV  1 n, 2 token, 3 lease (ms), 4 how long the waiter is believed to be alive (ms)
 * Returns { one of acquireVerdicts, waiting: ms until the next lease ends (-1: none is held), conflict: the n in force }
 */
export const acquireScript: Script = {
  name: 'sluiceAcquire',
  keys: 4,
  lua: `${common}
local token = ARGV[2]
bury()
local n = redis.call('HGET', state, 'n')
if n ~= ARGV[1] then
  -- Nobody is inside or waits: it may get another size.
  if n and redis.call('ZCARD', holders) + redis.call('ZCARD', tickets) > 0 then return {${acquireVerdicts.conflict}, tonumber(n)} end
  redis.call('HSET', state, 'n', ARGV[1])
end

local entered = redis.call('ZSCORE', holders, token)
if not entered then
  if not redis.call('ZSCORE', tickets, token) then
    redis.call('ZADD', tickets, redis.call('HINCRBY', state, 'next', 1), token)
  end
  if redis.call('ZRANK', tickets, token) < free() then
    redis.call('ZREM', tickets, token)
    redis.call('ZREM', waiters, token)
    entered = true
  end
end
if entered then
  redis.call('ZADD', holders, string.format('%.0f', now + tonumber(ARGV[3])), token)
  keep(tonumber(ARGV[3]) + 60000)
  return {${acquireVerdicts.acquired}, 0}
end
redis.call('ZADD', waiters, string.format('%.0f', now + tonumber(ARGV[4])), token)
keep(tonumber(ARGV[4]) + 60000)
local first = redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')
return {${acquireVerdicts.waiting}, first[2] and math.max(1, tonumber(first[2]) - now) or -1}
`,
};

/**
 * Extends a lease. One that ran out and was not given to anybody yet is still its holder's.
 *
 * KEYS  holders, tickets, waiters, state
 * ARGV  1 token, 2 lease (ms)
 * Returns 1 extended, 0 it is lost
 */
export const renewScript: Script = {
  name: 'sluiceRenew',
  keys: 4,
  lua: `${common}
if not redis.call('ZSCORE', holders, ARGV[1]) then return 0 end
redis.call('ZADD', holders, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
keep(tonumber(ARGV[2]) + 60000)
return 1
`,
};

/**
 * Gives a place back, or stops waiting for one, and calls those whose turn it is: only they need to ask.
 *
 * KEYS  holders, tickets, waiters, state
 * ARGV  1 token, 2 channel, 3 name of the semaphore
 * Returns 1 it had a place, 0 it had none
 */
export const giveBackScript: Script = {
  name: 'sluiceGiveBack',
  keys: 4,
  lua: `${common}
local held = redis.call('ZREM', holders, ARGV[1])
redis.call('ZREM', tickets, ARGV[1])
redis.call('ZREM', waiters, ARGV[1])
bury()
local places = free()
if places > 0 then
  local called = redis.call('ZRANGE', tickets, 0, places - 1)
  if #called > 0 then redis.call('PUBLISH', ARGV[2], ARGV[3] .. ' ' .. table.concat(called, ' ')) end
end
return held
`,
};
