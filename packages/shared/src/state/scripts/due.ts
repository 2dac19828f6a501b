import { defineScript } from '../define-script.ts';
import { fleetSeenLua } from './parts/fleet-seen.ts';

/** A deadline that has passed and could not be dealt with is looked at again within this, ms. */
export const retryDeadlineMs = 5000;

/**
 * Notes when the deadlines of a queue must be looked at next: at the earliest of them. In one step, so that one which
 * is added meanwhile is not missed. A queue without deadlines, or without a policy, leaves the list.
 *
 * afterMs  not before so long from now: what is due is still with a worker
 */
export const nextDeadlineScript = defineScript({
  keys: (keys, queue: string) => ({ due: keys.due, deadlines: keys.deadlines(queue), queues: keys.queues }),
  args: ['queue', 'afterMs'],
  whenFull: true,
  parts: [fleetSeenLua],
  lua: `
-- A key that is no sorted set has no deadlines.
local first = redis.pcall('ZRANGE', deadlines, 0, 0, 'WITHSCORES')
if not first[1] or redis.call('HEXISTS', queues, queue) == 0 then return redis.call('ZREM', due, queue) end
local at = math.max(tonumber(first[2]), redisNow() + tonumber(afterMs))
return redis.call('ZADD', due, string.format('%.0f', at), queue)
`,
  read: () => {},
});

/**
 * Finds deadlines that nobody noted in the list of what is due: producers up to 0.1 write only the queue's own set.
 *
 * names  of the queues, JSON
 *
 * Answer: the number of queues that had one.
 */
export const overlookedDeadlinesScript = defineScript({
  keys: (keys, _names: readonly string[]) => ({ due: keys.due }),
  tail: (keys, names: readonly string[]) => names.map((name) => keys.deadlines(name)),
  args: ['names'],
  whenFull: true,
  parts: [fleetSeenLua],
  lua: `
local now = redisNow()
local found = 0
for n, queue in ipairs(cjson.decode(names)) do
  -- Of a set that is none, nothing is known.
  local first = redis.pcall('ZRANGE', tail[n], 0, 0, 'WITHSCORES')
  local at = tonumber(first[2])
  local noted = tonumber(redis.call('ZSCORE', due, queue) or 'inf')
  -- What has passed may wait for another try.
  if at and noted > at and not (at <= now and noted <= now + ${retryDeadlineMs}) then
    redis.call('ZADD', due, string.format('%.0f', at), queue)
    found = found + 1
  end
end
return found
`,
  read: Number,
});
