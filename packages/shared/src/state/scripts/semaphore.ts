import { defineScript, isOne } from '../define-script.ts';
import type { Keys } from '../keys.ts';

/**
 * State of a semaphore, times in ms of Redis' clock:
 *   holders  sorted set: token -> end of its lease
 *   tickets  sorted set: waiting token -> its number, in the order of arrival
 *   waiters  sorted set: waiting token -> until when it is believed to be alive; it says so again at each try
 *   state    hash { n, next: the last number given }
 * All go with their TTL when nobody holds or waits any more.
 */
const keys = (all: Keys, name: string) => all.semaphore(name);

const common = `
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
  for _, key in ipairs({holders, tickets, waiters, state}) do
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
 * places    of the semaphore
 * waiterMs  how long the waiter is believed to be alive
 *
 * Answer: whether it is acquired; `value`: ms until the next lease ends while it waits (-1: none is held), and the
 * places in force for `conflict`.
 */
export const acquireScript = defineScript({
  keys,
  args: ['places', 'token', 'leaseMs', 'waiterMs'],
  parts: [common],
  lua: `
bury()
local n = redis.call('HGET', state, 'n')
if n ~= places then
  -- Nobody is inside or waits: it may get another size.
  if n and redis.call('ZCARD', holders) + redis.call('ZCARD', tickets) > 0 then return {${acquireVerdicts.conflict}, tonumber(n)} end
  redis.call('HSET', state, 'n', places)
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
  redis.call('ZADD', holders, string.format('%.0f', now + tonumber(leaseMs)), token)
  keep(tonumber(leaseMs) + 60000)
  return {${acquireVerdicts.acquired}, 0}
end
redis.call('ZADD', waiters, string.format('%.0f', now + tonumber(waiterMs)), token)
keep(tonumber(waiterMs) + 60000)
local first = redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')
return {${acquireVerdicts.waiting}, first[2] and math.max(1, tonumber(first[2]) - now) or -1}
`,
  read: (reply) => {
    const [verdict, value] = reply as [number, number];
    return { verdict, value };
  },
});

/**
 * Extends a lease. One that ran out and was not given to anybody yet is still its holder's.
 *
 * Answer: it is extended, not lost.
 */
export const renewScript = defineScript({
  keys,
  args: ['token', 'leaseMs'],
  parts: [common],
  lua: `
if not redis.call('ZSCORE', holders, token) then return 0 end
redis.call('ZADD', holders, string.format('%.0f', now + tonumber(leaseMs)), token)
keep(tonumber(leaseMs) + 60000)
return 1
`,
  read: isOne,
});

/**
 * Gives a place back, or stops waiting for one, and calls those whose turn it is: only they need to ask.
 *
 * channel  where those whose turn it is are called, as `name token token`
 *
 * Answer: it had a place.
 */
export const leaveScript = defineScript({
  keys,
  args: ['token', 'channel', 'name'],
  parts: [common],
  lua: `
local held = redis.call('ZREM', holders, token)
redis.call('ZREM', tickets, token)
redis.call('ZREM', waiters, token)
bury()
local places = free()
if places > 0 then
  local called = redis.call('ZRANGE', tickets, 0, places - 1)
  if #called > 0 then redis.call('PUBLISH', channel, name .. ' ' .. table.concat(called, ' ')) end
end
return held
`,
  read: isOne,
});
